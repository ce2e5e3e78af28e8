use answer::{looks, many_to_one};
use lessons::check::equal;

const NONE: usize = 9;

/// The places of the answers that were kept.
fn looks_at(kept: &[usize]) -> Vec<usize> {
    (0..kept.len()).filter(|&i| kept[i] != NONE).collect()
}

pub fn check() {
    // Two rows of three steps: 0 1 1 and 1 1 0.
    let kept = many_to_one(&[0, 1, 1, 1, 1, 0], &[3, 3], NONE);
    assert!(
        kept.len() == 6,
        "the result has {} steps and not 6: silence steps, do not remove them",
        kept.len()
    );
    assert!(
        kept != [NONE, NONE, 1, NONE, NONE, 0],
        "answers are time-major: step t of row b is at t · B + b, and not at b · T + t"
    );
    let looked = looks_at(&kept);
    assert!(looked != [0, 1], "the first step of each row was kept; it is the last that has to be");
    assert!(
        looked != [2, 3],
        "the last step but one was kept: steps are counted from 0, a row of 3 steps ends with step 2"
    );
    assert!(
        looked.len() < 6,
        "no step is silent: every step but the last of a row has to be `ignore`"
    );
    assert!(
        !looked.is_empty(),
        "every step is silent: the last step of a row keeps its answer; steps are counted from 0"
    );
    equal("two rows of three steps", kept, vec![NONE, NONE, NONE, NONE, 1, 0]);

    // Rows of 3, 1 and 2 steps; 7 is padding.
    let padded = [0, 1, 0, 1, 7, 1, 1, 7, 7];
    let kept = many_to_one(&padded, &[3, 1, 2], NONE);
    assert!(
        !kept.contains(&7),
        "an answer behind the end of a row was kept: the last step of the table is not the last of each row"
    );
    equal(
        "rows of 3, 1 and 2 steps",
        kept.clone(),
        vec![NONE, 1, NONE, NONE, NONE, 1, 1, NONE, NONE],
    );
    equal("the steps at which the loss looks", looks(&kept, NONE), 3);

    equal("a row without a step", many_to_one(&[1, 7], &[1, 0], NONE), vec![1, NONE]);
    equal("no row", many_to_one(&[], &[], NONE), vec![]);
    equal("the steps of a loss that looks nowhere", looks(&[NONE; 4], NONE), 0);
    equal("the steps of a loss that looks everywhere", looks(&[0, 1, 2], NONE), 3);
}
