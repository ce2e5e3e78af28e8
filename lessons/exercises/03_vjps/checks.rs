use answer::{cross_entropy_grad, gather_vjp, matmul_vjp};
use autograd::Tensor;
use autograd::draw::Draw;
use lessons::check::gradient;

/// How many cases are drawn for each of the three.
const CASES: u64 = 20;

pub fn check() {
    for seed in 0..CASES {
        product(seed);
        cross_entropy(seed);
        gather(seed);
    }
    large_scores();
}

/// Random sizes; square ones among them, in which a missing transpose has the right shape.
fn product(seed: u64) {
    let mut draw = Draw::new(seed, 0, 0);
    let [m, k, n] = if seed.is_multiple_of(3) { [3; 3] } else { [(); 3].map(|()| draw.below(1..5)) };
    let [a, b, dy] = [[m, k], [k, n], [m, n]].map(|shape| draw.signed_tensor(&shape, 0.5..1.5));
    let [da, db] = matmul_vjp([&a, &b], &dy);
    let loss = |a: &Tensor<f64>, b: &Tensor<f64>| (a.matmul(b) * &dy).sum().item();
    let mut of_a = gradient("A", &a, |a| loss(a, &b), &da);
    let mut of_b = gradient("B", &b, |b| loss(&a, b), &db);
    if [m, k, n] == [3; 3] {
        of_a = of_a
            .suspect("this is dY · B; B has to be transposed", &dy.matmul(&b))
            .suspect("the factors are in the wrong order", &b.transpose(0, 1).matmul(&dy));
        of_b = of_b
            .suspect("this is A · dY; A has to be transposed", &a.matmul(&dy))
            .suspect("the factors are in the wrong order", &dy.matmul(&a.transpose(0, 1)));
    }
    of_a.verify();
    of_b.verify();
}

/// −(1/N) Σ ln softmax at the targets.
fn loss(scores: &Tensor<f64>, targets: &[usize]) -> f64 {
    let of_row = |(i, &target): (usize, &usize)| {
        let row = scores.entry(i);
        row.data().iter().map(|s| s.exp()).sum::<f64>().ln() - row.data()[target]
    };
    targets.iter().enumerate().map(of_row).sum::<f64>() / targets.len() as f64
}

fn cross_entropy(seed: u64) {
    let mut draw = Draw::new(seed, 0, 0);
    let (rows, classes) = (draw.below(2..5), draw.below(2..5));
    let scores = draw.tensor(&[rows, classes], -2.0..2.0);
    let targets = draw.ids(rows, classes);
    let answer = cross_entropy_grad(&scores, &targets);
    let softmax = scores.exp() / scores.exp().sum_over(&[1]).reshape(&[rows, 1]);
    let all = scores.exp() / scores.exp().sum();
    let wanted = Tensor::one_hot(&targets, classes);
    let n = rows as f64;
    gradient("the scores", &scores, |scores| loss(scores, &targets), &answer)
        .suspect("the division by N, the number of rows, is missing", &(&softmax - &wanted))
        .suspect("the one-hot of the target is missing", &(&softmax / n))
        .suspect("the softmax runs over the whole table, not over each row", &((all - &wanted) / n))
        .suspect(
            "it is divided by the number of all scores, not by that of the rows",
            &((&softmax - &wanted) / (n * classes as f64)),
        )
        .verify();
}

/// Scores of which e to the power of is infinite: only their differences count.
fn large_scores() {
    let small = Tensor::from([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]]);
    let expected = cross_entropy_grad(&small, &[0, 2]);
    let answer = cross_entropy_grad(&small.map(|s| s + 800.0), &[0, 2]);
    assert!(
        answer.is_finite(),
        "with scores about 800 the gradient is not finite: subtract the largest score of each row \
         before exp, it changes no softmax"
    );
    let worst = (answer - expected).map(f64::abs).data().iter().copied().fold(0.0, f64::max);
    assert!(worst < 1e-9, "adding 800 to every score changes the gradient by {worst:.1e}");
}

/// Ids with repetitions, and rows that nobody asks for.
fn gather(seed: u64) {
    let mut draw = Draw::new(seed, 0, 0);
    let (size, width) = (draw.below(2..5), draw.below(1..4));
    let table = draw.tensor(&[size, width], -1.0..1.0);
    let mut ids = draw.ids(4, size);
    ids[3] = ids[0];
    let dy = draw.signed_tensor(&[4, width], 0.5..1.5);
    let answer = gather_vjp(&table, &ids, &dy);
    let mut replaced = Tensor::zeros(&[size, width]);
    for (j, &id) in ids.iter().enumerate() {
        replaced.data_mut()[id * width..][..width].copy_from_slice(dy.entry(j).data());
    }
    gradient("the table", &table, |table| (table.rows(&ids) * &dy).sum().item(), &answer)
        .suspect(
            "a row that is picked twice keeps its last gradient only; `=` where `+=` is due",
            &replaced,
        )
        .verify();
}
