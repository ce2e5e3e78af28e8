use answer::{perplexity, probability};
use lessons::check::close;

/// a b a b a c, of the four words a b c d.
const TEXT: [usize; 6] = [0, 1, 0, 1, 0, 2];

pub fn check() {
    // Counted by hand: a is followed by b, b and c; b by a and a; c and d by nothing.
    let p = |k, before, next| probability(&TEXT, 4, k, [before, next]);
    close("p(b | a) with k = 0", p(0.0, 0, 1), 2.0 / 3.0, 1e-12);
    close("p(c | a) with k = 0", p(0.0, 0, 2), 1.0 / 3.0, 1e-12);
    close("p(d | a) with k = 0", p(0.0, 0, 3), 0.0, 1e-12);
    let found = p(1.0, 0, 1);
    assert!(
        (found - 3.0 / 4.0).abs() > 1e-12,
        "p(b | a) with k = 1: yours is 0.75; k is added to every one of the V words, so the total grows by k V"
    );
    assert!(
        (found - 2.0 / 7.0).abs() > 1e-12,
        "p(b | a) with k = 1: yours is 2/7; k is added to the count of the pair too, above the line"
    );
    close("p(b | a) with k = 1", found, 3.0 / 7.0, 1e-12);
    close("p(d | a) with k = 1", p(1.0, 0, 3), 1.0 / 7.0, 1e-12);
    close("p(a | b) with k = 0.5", p(0.5, 1, 0), 2.5 / 4.0, 1e-12);
    let last = p(0.0, 2, 0);
    assert!(
        !last.is_nan(),
        "p(a | c) with k = 0: nothing was seen after c, and 0/0 is no probability"
    );
    assert!(
        last != 0.0,
        "p(a | c) with k = 0: yours is 0; c is the last word of the text and followed by none, so it does not count as \
         `before`, and after it every word is equally likely"
    );
    close("p(a | c) with k = 0", last, 0.25, 1e-12);
    close("p(a | d) with k = 2", p(2.0, 3, 0), 0.25, 1e-12);
    for k in [0.0, 0.1, 1.0, 10.0] {
        for before in 0..4 {
            let total = (0..4).map(|next| p(k, before, next)).sum();
            close(&format!("the sum of all p(· | word {before}) with k = {k}"), total, 1.0, 1e-12);
        }
    }

    // a b a: p(b | a) = 2/3, p(a | b) = 1, so the perplexity is the root of 3/2.
    let found = perplexity(&TEXT, 4, 0.0, &[0, 1, 0]);
    for (mistake, wrong) in [
        ("it is the exponential of a sum; take the mean over the two predictions", 1.5),
        ("three words are two predictions: the first word is not predicted", 1.5_f64.cbrt()),
        ("it is the mean itself, in nats; take its exponential", 1.5_f64.ln() / 2.0),
        ("it is the mean of the single perplexities; take the mean of −ln p first", 1.25),
        ("it is below 1; the mean is of −ln p, and a minus is missing", 1.5_f64.sqrt().recip()),
        ("log₂ does not go with exp; take ln", (1.5_f64.log2() / 2.0).exp()),
        ("it was counted on the text that is judged; count on the first argument", 1.0),
    ] {
        assert!((found - wrong).abs() > 1e-9, "the perplexity of a b a with k = 0: {mistake}");
    }
    close("the perplexity of a b a with k = 0", found, 1.5_f64.sqrt(), 1e-12);
    // a b: 2/3. Read the other way round, a before b becomes b before a, which is certain.
    let found = perplexity(&TEXT, 4, 0.0, &[0, 1]);
    assert!(
        (found - 1.0).abs() > 1e-9,
        "the perplexity of a b with k = 0: yours is 1, that of b a; `before` is words[i − 1] and `next` is words[i]"
    );
    close("the perplexity of a b with k = 0", found, 1.5, 1e-12);
    let unseen = perplexity(&TEXT, 4, 0.0, &[0, 3, 0]);
    assert!(
        unseen == f64::INFINITY,
        "the perplexity of a d a with k = 0: yours is {unseen}, it is infinite"
    );
    let smoothed = perplexity(&TEXT, 4, 1.0, &[0, 3, 0]);
    close("the perplexity of a d a with k = 1", smoothed, 28.0_f64.sqrt(), 1e-12);
    let even = perplexity(&TEXT, 4, 1e9, &[0, 1, 0, 2, 3]);
    close("the perplexity with a k that drowns the counts", even, 4.0, 1e-6);
}
