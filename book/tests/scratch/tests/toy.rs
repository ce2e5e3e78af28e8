#[test]
fn tanh_has_this_derivative() {
    assert_eq!(1.0, 1.0);
}

fn no_test() {}
