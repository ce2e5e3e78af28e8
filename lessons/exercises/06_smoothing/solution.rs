/// The bigram probability of a pair `[before, next]` in a text, with add-k smoothing:
///
/// ```text
/// p = (count(before next) + k) / (count(before) + k V)
/// ```
///
/// where count(before) is how often `before` was followed by any word. After a word
/// that was never followed by another one, every word is equally likely, also for
/// k = 0.
///
/// The words are numbers below `vocab_size` = V; k is 0 or more.
pub fn probability(text: &[usize], vocab_size: usize, k: f64, pair: [usize; 2]) -> f64 {
    let [before, next] = pair;
    let pairs = || text.windows(2).filter(|seen| seen[0] == before);
    let followed = pairs().count() as f64;
    let by_next = pairs().filter(|seen| seen[1] == next).count() as f64;
    let total = followed + k * vocab_size as f64;
    if total == 0.0 { 1.0 / vocab_size as f64 } else { (by_next + k) / total }
}

/// The perplexity of `words` under a bigram model that was counted on another text:
///
/// ```text
/// exp( mean over i = 1, 2, … of −ln p(words[i] | words[i − 1]) )
/// ```
///
/// The first word is not predicted. If a probability is 0, the perplexity is infinite.
pub fn perplexity(text: &[usize], vocab_size: usize, k: f64, words: &[usize]) -> f64 {
    let p = |pair: &[usize]| probability(text, vocab_size, k, [pair[0], pair[1]]);
    let nats: f64 = words.windows(2).map(|pair| -p(pair).ln()).sum();
    (nats / (words.len() - 1) as f64).exp()
}
