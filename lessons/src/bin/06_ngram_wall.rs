//! Lesson 06. How far can counting go?      cargo lesson 06_ngram_wall   (30 s)
//!
//! "The students near the old house of the teacher are happy." Who chooses between "is" and "are" must remember
//! the subject. Tables of counts see the last few words, and so does a network with a window; beyond the window
//! both guess. A recurrent network carries a state through the sentence instead.

use std::collections::HashMap;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use autograd::optim::{Adam, Optimizer};
use autograd::transform::value_and_grad;
use autograd::{Params, Tape, clip::clip_grad_norm, init, params};
use clap::Parser;
use lessons::options::Options;
use lessons::plot::{LineChart, Series};
use lessons::progress::{self, ProgressBar};
use lessons::report::{result, run};
use lessons::wrap::lines;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rnn::data::Streams;
use rnn::data::tasks::Agreement;
use rnn::data::tasks::agreement::{WORDS, agreement};
use rnn::{LanguageModel, Vanilla};

const V: usize = WORDS.len(); // words
const DEPTHS: usize = 7; // 0 to 6 distractors
const SENTENCES: usize = 20_000; // to learn from
const MORE: usize = 10; // times as many for one of the tables
const JUDGED: usize = 400; // other sentences, for each depth
const ORDERS: [usize; 3] = [2, 3, 5]; // of the n-grams
const SEEDS: u64 = 3;

const WINDOW: usize = 4; // words that the network with a window sees: as many as the 5-gram
const WIDTH: usize = 8; // numbers for each of them
const MLP_UNITS: usize = 64;
const MLP_STEPS: usize = 2_000;
const MLP_BATCH: usize = 128;

const RNN_UNITS: usize = 64;
const RNN_STEPS: usize = 3_000;
const STREAMS: usize = 32; // texts read side by side
const T: usize = 32; // steps back in time

/// How far can counting go? n-grams, a window and a recurrent network choose between "is" and "are"
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(|| lesson(&args.options))
}

/// What stands before a sentence that is judged: the end of another one, "is happy .", which says nothing of it.
const BEFORE: [usize; 3] = [11, 7, 0];

/// The share of right verbs for each number of distractors.
type Accuracy = [f64; DEPTHS];

fn lesson(options: &Options) -> Result<()> {
    let folder = options.folder()?;

    // 1. A corpus whose verb depends on a word that may be far away.
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    println!("1. sentences with 0, 2 and 6 distractors");
    for depth in [0, 2, 6] {
        println!("   {}", lines(&agreement(depth, &mut rng).text(), 66).join("\n     "));
    }

    // 2. to 5. for three corpora, each with its own networks.
    let names = ["2-gram", "3-gram", "5-gram", "5-gram, 10 x", "window of 4", "recurrent"];
    let bar = progress::bar(SEEDS * (MLP_STEPS + RNN_STEPS) as u64);
    let mut found = names.map(|_| Vec::new());
    let mut contexts = Vec::new();
    for seed in options.seed..options.seed + SEEDS {
        let corpus = Corpus::draw(seed, SENTENCES);
        for (n, found) in ORDERS.into_iter().zip(&mut found) {
            let counts = Counts::of(&corpus.words, n);
            found.push(corpus.judge(|sentence| counts.prefers(sentence)));
        }
        let counts = Counts::of(&Corpus::draw(seed, MORE * SENTENCES).words, 5);
        found[3].push(corpus.judge(|sentence| counts.prefers(sentence)));
        bar.set_message("a network with a window");
        found[4].push(window_network(&corpus, seed, &bar)?);
        bar.set_message("a recurrent network");
        found[5].push(recurrence(&corpus, seed, &bar)?);
        if contexts.is_empty() {
            contexts = (2..=8).map(|n| (n, Counts::of(&corpus.words, n).longest())).collect();
        }
    }
    bar.finish_and_clear();

    // 6. The wall.
    println!("\n2. share of right verbs, median of {SEEDS} seeds");
    println!("   distractors       0     1     2     3     4     5     6");
    let medians = found.each_ref().map(|runs| median(runs));
    for (name, accuracy) in names.iter().zip(&medians) {
        let cells: Vec<String> = accuracy.iter().map(|x| format!("{x:.2}")).collect();
        println!("   {name:<14} {}", cells.join("  "));
    }
    println!("\n3. the same at six distractors, for each seed");
    for (name, runs) in names.iter().zip(&found) {
        let cells: Vec<String> = runs.iter().map(|run| format!("{:.2}", run[6])).collect();
        println!("   {name:<14} {}", cells.join("  "));
    }

    // 7. A longer context sees further, at a price.
    println!("\n4. contexts that a table of counts has to keep");
    for (n, kept) in &contexts {
        println!("   {n}-gram  {kept:7}");
    }
    println!(
        "   the corpus has {} words, {V} different",
        Corpus::draw(options.seed, SENTENCES).words.len()
    );

    let [.., recurrent] = &medians;
    for (name, accuracy) in names.iter().zip(&medians).take(5) {
        let best = accuracy[2..].iter().copied().fold(0.0, f64::max);
        ensure!(best <= 0.56, "{name} is right in {best:.2} of the verbs beyond its window");
    }
    ensure!(recurrent[6] >= 0.95, "the recurrent network keeps only {:.2}", recurrent[6]);

    let mut chart =
        LineChart::new("Who still knows the subject?", "distractors", "share of right verbs");
    for (name, accuracy) in names.iter().zip(&medians) {
        let points = accuracy.iter().enumerate().map(|(depth, &y)| (depth as f64, y)).collect();
        chart.series.push(Series::new(name, points));
    }
    chart.write(&folder.join("accuracy.svg"))?;
    let mut chart = LineChart::new("What a longer memory costs", "n", "contexts to keep");
    chart.log_y = true;
    let points = contexts.iter().map(|&(n, kept)| (n as f64, kept as f64)).collect();
    chart.series.push(Series::new("contexts seen", points));
    let all = contexts.iter().map(|&(n, _)| (n as f64, (V as f64).powi(n as i32 - 1))).collect();
    chart.series.push(Series::new("possible", all));
    chart.write(&folder.join("contexts.svg"))?;

    println!();
    for ((key, accuracy), runs) in
        ["2gram", "3gram", "5gram", "5gram_more", "window", "rnn"].iter().zip(&medians).zip(&found)
    {
        for depth in [0, 1, 2, 6] {
            result(&format!("{key}_{depth}"), format!("{:.2}", accuracy[depth]));
        }
        let at_six = runs.iter().map(|run| run[6]);
        let (low, high) = at_six.fold((1.0_f64, 0.0_f64), |(a, b), x| (a.min(x), b.max(x)));
        result(&format!("{key}_6_spread"), format!("{low:.2} to {high:.2}"));
    }
    result("rnn_units", RNN_UNITS);
    result("judged", JUDGED);
    result("sentences", SENTENCES);
    for (n, kept) in &contexts {
        result(&format!("contexts_{n}gram"), kept);
    }
    let letters: Vec<_> = "mississippi".bytes().map(|letter| usize::from(letter - b'a')).collect();
    result("contexts_3gram_mississippi", Counts::of(&letters, 3).longest());
    Ok(())
}

/// Sentences to learn from, end to end, and others to judge by.
struct Corpus {
    words: Vec<usize>,
    judged: Vec<Vec<Agreement>>,
}

impl Corpus {
    fn draw(seed: u64, sentences: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let sentences = (0..sentences).map(|i| agreement(i % DEPTHS, &mut rng).ids);
        let mut sentences: Vec<_> = sentences.collect();
        rand::seq::SliceRandom::shuffle(&mut sentences[..], &mut rng);
        let judged =
            (0..DEPTHS).map(|depth| (0..JUDGED).map(|_| agreement(depth, &mut rng)).collect());
        Self { words: sentences.concat(), judged: judged.collect() }
    }

    /// The share of sentences whose right verb is preferred to the wrong one, for each depth. `prefers` says by how
    /// much; no preference is half right.
    fn judge(&self, prefers: impl Fn(&Agreement) -> f64) -> Accuracy {
        let share = |sentences: &Vec<Agreement>| {
            let points = sentences.iter().map(|sentence| match prefers(sentence) {
                x if x > 0.0 => 1.0,
                0.0 => 0.5,
                _ => 0.0,
            });
            points.sum::<f64>() / sentences.len() as f64
        };
        std::array::from_fn(|depth| share(&self.judged[depth]))
    }
}

// ANCHOR: counts
/// 2. How often each word came after each context of up to n − 1 words.
struct Counts {
    n: usize,
    table: HashMap<Vec<usize>, [u32; V]>,
}

impl Counts {
    fn of(words: &[usize], n: usize) -> Self {
        let mut table: HashMap<Vec<usize>, [u32; V]> = HashMap::new();
        for (i, &next) in words.iter().enumerate() {
            for length in 0..n.min(i + 1) {
                let context = words[i - length..i].to_vec();
                table.entry(context).or_insert([0; V])[next] += 1;
            }
        }
        Self { n, table }
    }

    /// The counts after the longest context that was ever seen.
    fn after(&self, history: &[usize]) -> &[u32; V] {
        let longest = history.len().min(self.n - 1);
        let after_last = |length| self.table.get(&history[history.len() - length..]);
        (0..=longest).rev().find_map(after_last).expect("words were counted")
    }
    // ANCHOR_END: counts

    /// How much oftener the right verb came than the wrong one.
    fn prefers(&self, sentence: &Agreement) -> f64 {
        let counts = self.after(&[&BEFORE[..], &sentence.ids[..sentence.verb]].concat());
        let [right, wrong] = [sentence.ids[sentence.verb], sentence.wrong_verb()];
        f64::from(counts[right]) - f64::from(counts[wrong])
    }

    /// The number of contexts of n − 1 words.
    fn longest(&self) -> usize {
        self.table.keys().filter(|context| context.len() == self.n - 1).count()
    }
}

// ANCHOR: window
/// A network that sees the last four words: a vector for each, a layer of tanh units,
/// scores for the next word.
struct Window<L = ()> {
    table: L,
    w_1: L,
    b_1: L,
    w_2: L,
    b_2: L,
}
params!(Window { table: "table", w_1: "w_1", b_1: "b_1", w_2: "w_2", b_2: "b_2" });

impl<'t> Window<autograd::Var<'t, f32>> {
    /// The scores [N, V] for what follows N windows.
    fn scores(&self, windows: &[usize]) -> autograd::Var<'t, f32> {
        let rows = windows.len() / WINDOW;
        let x = self.table.rows(windows).reshape(&[rows, WINDOW * WIDTH]);
        let h = (x.matmul(self.w_1.t()) + self.b_1).tanh();
        h.matmul(self.w_2.t()) + self.b_2
    }
}
// ANCHOR_END: window

/// 3. The same window without a table: the network may share what it learns between contexts.
fn window_network(corpus: &Corpus, seed: u64, bar: &ProgressBar) -> Result<Accuracy> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = |shape: &[usize], fan_in: usize| {
        let bound = (1.0 / fan_in as f64).sqrt();
        init::uniform::<f32>(shape, bound, &mut rng)
    };
    let mut model = Window {
        table: uniform(&[V, WIDTH], 1),
        w_1: uniform(&[MLP_UNITS, WINDOW * WIDTH], WINDOW * WIDTH),
        b_1: uniform(&[MLP_UNITS], WINDOW * WIDTH),
        w_2: uniform(&[V, MLP_UNITS], MLP_UNITS),
        b_2: uniform(&[V], MLP_UNITS),
    };
    let mut adam = Adam::new(3e-3);
    for step in 0..MLP_STEPS {
        let starts: Vec<usize> =
            (0..MLP_BATCH).map(|_| rng.random_range(0..corpus.words.len() - WINDOW)).collect();
        let windows: Vec<usize> =
            starts.iter().flat_map(|&i| &corpus.words[i..i + WINDOW]).copied().collect();
        let targets: Vec<usize> = starts.iter().map(|&i| corpus.words[i + WINDOW]).collect();
        let (_loss, grads) = value_and_grad(
            |_: &Tape<f32>, model: Window<_>| model.scores(&windows).cross_entropy(&targets),
            &model,
        );
        *adam.lr() = 3e-3 * (1.0 - step as f64 / MLP_STEPS as f64);
        adam.step(&mut model, &grads)?;
        bar.inc(1);
    }
    Ok(corpus.judge(|sentence| {
        let history = [&BEFORE[..], &sentence.ids[..sentence.verb]].concat();
        let tape = Tape::new();
        let vars = model.map(|w| tape.leaf(w.clone()));
        let scores = vars.scores(&history[history.len() - WINDOW..]).value();
        let [right, wrong] = [sentence.ids[sentence.verb], sentence.wrong_verb()];
        f64::from(scores.data()[right] - scores.data()[wrong])
    }))
}

// ANCHOR: recurrent
/// 4. A vanilla recurrent network reads the corpus; its state outlives the windows.
fn recurrence(corpus: &Corpus, seed: u64, bar: &ProgressBar) -> Result<Accuracy> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = LanguageModel::<Vanilla>::init::<f32>(V, None, RNN_UNITS, &mut rng);
    let mut adam = Adam::new(1e-2);
    let mut streams = Streams::new(corpus.words.clone(), STREAMS, T)?;
    let mut states = model.zero_states(STREAMS);
    for step in 0..RNN_STEPS {
        let next = streams.next_window();
        if next.fresh {
            states = model.zero_states(STREAMS);
        }
        let mut found = model.window_grad(&next.inputs, &next.targets, &states, None)?;
        clip_grad_norm(&mut found.grads, 1.0)?;
        *adam.lr() = 1e-2 * (1.0 - step as f64 / RNN_STEPS as f64);
        adam.step(&mut model, &found.grads)?;
        states = found.last_states;
        bar.inc(1);
    }
    // ANCHOR_END: recurrent
    let zero = model.zero_states(1);
    Ok(corpus.judge(|sentence| {
        let history = [&BEFORE[..], &sentence.ids[..sentence.verb]].concat();
        let (_, scores) = model.forward(&history, &zero, None).expect("ids of the corpus");
        let last = scores.entry(history.len() - 1);
        let [right, wrong] = [sentence.ids[sentence.verb], sentence.wrong_verb()];
        f64::from(last.data()[right] - last.data()[wrong])
    }))
}

/// For each depth the middle of the runs.
fn median(runs: &[Accuracy]) -> Accuracy {
    std::array::from_fn(|depth| {
        let mut values: Vec<f64> = runs.iter().map(|run| run[depth]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    })
}
