/// Cuts a text into an input and its targets for a model of the next character: the
/// target at each step is the character that comes *after* the one that is read there.
/// Both have the same length, as long as the text allows; a text of fewer than two
/// characters gives nothing to learn, two empty lists.
pub fn inputs_and_targets(text: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let length = text.len().saturating_sub(1);
    (text[..length].to_vec(), text[text.len() - length..].to_vec())
}

/// The copy accuracy: the share of steps at which the target is the character that is
/// read there. It is what a model scores that has learned nothing but to repeat its
/// input. 0 for no steps.
pub fn copy_accuracy(inputs: &[usize], targets: &[usize]) -> f64 {
    let copies = inputs.iter().zip(targets).filter(|(a, b)| a == b).count();
    if inputs.is_empty() { 0.0 } else { copies as f64 / inputs.len() as f64 }
}
