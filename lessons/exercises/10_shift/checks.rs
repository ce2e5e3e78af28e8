use answer::{copy_accuracy, inputs_and_targets};
use lessons::check::{close, equal};

pub fn check() {
    // h e l l o
    let text = [0, 1, 2, 2, 3];
    let (inputs, targets) = inputs_and_targets(&text);
    equal("as many targets as inputs", targets.len(), inputs.len());
    assert!(
        inputs != targets,
        "the targets are the inputs: a model that copies what it reads would be perfect, and write one letter for ever"
    );
    assert!(
        (&inputs[..], &targets[..]) != (&[1, 2, 2, 3][..], &[0, 1, 2, 2][..]),
        "the shift goes the wrong way: this model learns which character came before"
    );
    assert!(
        inputs.len() != 3 || inputs[..] != text[..3] || targets[..] != text[2..],
        "the targets are two characters ahead; after h comes e"
    );
    assert!(
        inputs.len() != 5 || targets[4] != text[0],
        "after the last character comes the first again; nothing comes after it, so the input ends one earlier"
    );
    equal("the inputs of hello", inputs, vec![0, 1, 2, 2]);
    equal("the targets of hello", targets, vec![1, 2, 2, 3]);
    equal("a text of one character", inputs_and_targets(&[7]), (vec![], vec![]));
    equal("an empty text", inputs_and_targets(&[]), (vec![], vec![]));

    let found = copy_accuracy(&[0, 1, 2, 2], &[1, 2, 2, 3]);
    for (mistake, wrong) in [
        ("it is the share of steps that differ; count those that are equal", 0.75),
        ("it is the number of equal steps; divide by the number of all steps", 1.0),
        ("it is in percent; a share is at most 1", 25.0),
    ] {
        assert!((found - wrong).abs() > 1e-12, "the copy accuracy of hell → ello: {mistake}");
    }
    close("the copy accuracy of hell → ello", found, 0.25, 1e-12);
    close("the copy accuracy of no shift", copy_accuracy(&text, &text), 1.0, 1e-12);
    close("the copy accuracy of nothing", copy_accuracy(&[], &[]), 0.0, 1e-12);
    // English repeats a character at about every thirtieth step.
    let text: Vec<usize> = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/salt_road.txt"))
        .bytes()
        .take(20_000)
        .map(usize::from)
        .collect();
    let (inputs, targets) = inputs_and_targets(&text);
    let found = copy_accuracy(&inputs, &targets);
    assert!(
        found < 0.05,
        "the copy accuracy of the lesson's text: yours is {found:.2}; neighbours are seldom equal"
    );
}
