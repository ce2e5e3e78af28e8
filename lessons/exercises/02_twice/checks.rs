use answer::Tape;
use lessons::check::{all_close, equal};

pub fn check() {
    // b = a · a at a = 3, c = b + a.
    let mut tape = Tape::default();
    let a = tape.push(&[]);
    let b = tape.push(&[(a, 3.0), (a, 3.0)]);
    let c = tape.push(&[(b, 1.0), (a, 1.0)]);

    equal("the first backward", tape.backward(c), Ok(()));
    assert!(
        tape.grads != [3.0, 1.0, 1.0],
        "the gradient in a is 3, it should be 7: a is used three times, and only the last use counts; \
         `=` where `+=` is due"
    );
    all_close("the gradients in a, b, c", &tape.grads, &[7.0, 1.0, 1.0], 1e-12);

    let refusal = match tape.backward(c) {
        Ok(()) if tape.grads[a] != 7.0 => panic!(
            "a second backward without zero_grad is accepted, and the gradient in a, which was 7, is {}",
            tape.grads[a]
        ),
        Ok(()) => panic!("a second backward without zero_grad is accepted; it must be an error"),
        Err(refusal) => refusal,
    };
    assert!(
        refusal.contains("zero_grad"),
        "the error of the second backward, `{refusal}`, does not say what to do: call zero_grad"
    );
    all_close("the gradients after the refused call", &tape.grads, &[7.0, 1.0, 1.0], 1e-12);
    assert!(tape.backward(b).is_err(), "a second backward from another node must be an error too");

    // Nodes may be recorded in between; that does not make a second call right.
    let d = tape.push(&[(c, 2.0)]);
    assert!(tape.backward(d).is_err(), "a new node does not make the old gradients go away");

    tape.zero_grad();
    all_close("the gradients after zero_grad", &tape.grads, &[0.0; 4], 1e-12);
    equal("backward after zero_grad", tape.backward(d), Ok(()));
    all_close("the gradients of d", &tape.grads, &[14.0, 2.0, 2.0, 1.0], 1e-12);

    tape.zero_grad();
    equal("backward from a node in the middle", tape.backward(b), Ok(()));
    all_close("the gradients of b", &tape.grads, &[6.0, 1.0, 0.0, 0.0], 1e-12);

    tape.zero_grad();
    match tape.backward(9) {
        Ok(()) => panic!("backward from node 9 of a tape of 4 nodes is accepted"),
        Err(refusal) => assert!(
            refusal.contains('9') && refusal.contains('4'),
            "the error for node 9 of 4, `{refusal}`, does not name both numbers"
        ),
    }
    equal("backward after a refused one", tape.backward(b), Ok(()));
}
