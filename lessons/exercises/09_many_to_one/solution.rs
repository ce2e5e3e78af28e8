/// Rewires a task with an answer at every step to one with a single answer a row.
///
/// `answers` holds the wanted answers of B rows over T steps, `[T·B]`, time-major: the
/// B answers of step 0 first. Row b has `lengths[b]` steps; what stands behind its end
/// is padding. In the result only the *last step that the row has* keeps its answer,
/// every other step is `ignore`. A row of length 0 keeps none.
pub fn many_to_one(answers: &[usize], lengths: &[usize], ignore: usize) -> Vec<usize> {
    let batch = lengths.len();
    let mut kept = vec![ignore; answers.len()];
    for (b, &length) in lengths.iter().enumerate() {
        if length > 0 {
            let last = (length - 1) * batch + b;
            kept[last] = answers[last];
        }
    }
    kept
}

/// The number of steps at which the loss looks.
pub fn looks(answers: &[usize], ignore: usize) -> usize {
    answers.iter().filter(|&&answer| answer != ignore).count()
}
