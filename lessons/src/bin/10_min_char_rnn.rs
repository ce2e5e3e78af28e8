//! Lesson 10. Can 100 lines write English?      cargo lesson 10_min_char_rnn   (30 s)
//!
//! A recurrent network reads a text one character at a time and learns to say which comes next.
//! It knows nothing of words when it starts.

use std::collections::HashSet;
use std::f64::consts::LN_2;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use autograd::ops::{LogSoftmax, Op};
use autograd::optim::{Adam, Optimizer};
use autograd::{Params, Tensor, clip::clip_grad_norm};
use clap::{Parser, ValueEnum};
use lessons::ngram::NGram;
use lessons::options::Options;
use lessons::plot::{LineChart, Series};
use lessons::report::result;
use lessons::seeds::Spread;
use lessons::wrap::lines;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use rnn::LanguageModel;
use rnn::checkpoint::{self, Checkpoint};
use rnn::data::{Streams, Vocabulary, Window, read_text, split_at_fraction};
use rnn::decode::{Decoding, try_pick};
use rnn::{Cell, Gru, Lstm, StateOf, Vanilla};

/// The text that is read if no other is given.
const SALT_ROAD: &str = include_str!("../../data/salt_road.txt");
/// The streams of text are read in this many groups, each on a thread of its own if there is one. Always as
/// many, so that sums are added in the same order whatever the number of threads.
const SHARDS: usize = 2;
/// How many characters of the held-out text are predicted to judge the model.
const VALIDATION: usize = 50_000;
/// The longest n-grams that are counted.
const LONGEST: usize = 6;
/// What has to be predicted: blanks and line breaks; letters that begin a word, and those that go on with it; and
/// punctuation, digits and so on.
const KINDS: [&str; 4] = ["blanks", "first letters", "other letters", "the rest"];
/// How many steps a point of the loss curve stands for.
const MEAN_OF: usize = 25;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CellName {
    /// The vanilla cell: h = tanh(W x + U h + b).
    Rnn,
    Gru,
    Lstm,
}

/// Trains a recurrent network on a text, character by character, and lets it write.
#[derive(Parser)]
struct Args {
    /// The recurrent cell.
    #[arg(long, value_enum, default_value = "gru")]
    cell: CellName,
    /// The text to learn from, UTF-8; without it, an English text that is built in.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// The number of hidden units.
    #[arg(long, default_value_t = 128, value_parser = at_least_one)]
    hidden: usize,
    /// The number of training steps.
    #[arg(long, default_value_t = 1500, value_parser = at_least_one)]
    steps: usize,
    /// How many places of the text are read side by side.
    #[arg(long, default_value_t = 48, value_parser = at_least_one)]
    streams: usize,
    /// How many characters are read between two updates: where backpropagation through time is cut.
    #[arg(long, default_value_t = 24, value_parser = at_least_one)]
    window: usize,
    /// Adam's learning rate at the first step; it falls linearly to zero.
    #[arg(long, default_value_t = 1e-2)]
    lr: f64,
    /// The largest norm of a gradient.
    #[arg(long, default_value_t = 1.0)]
    clip: f64,
    #[command(flatten)]
    options: Options,
    /// The number of threads; the results are the same for any.
    #[arg(long, default_value_t = 2, value_parser = at_least_one)]
    threads: usize,
    /// Save the trained model, as safetensors with PyTorch's names.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Keep the whole state of the training in this file, and go on from it if the file is there: the same command
    /// again ends as if it had never been interrupted.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// After how many steps the checkpoint is saved again.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one, requires = "checkpoint")]
    every: usize,
    /// How often the whole training is done, each time with the next seed, to see how much of the result is chance.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one,
          conflicts_with_all = ["save", "checkpoint", "load"])]
    repeat: usize,
    /// Do not train: load a model or a checkpoint that was saved, and let it write.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "save", "steps", "checkpoint"])]
    load: Option<PathBuf>,
    /// What the written text continues; without it, the start of a line.
    #[arg(long)]
    prompt: Option<String>,
    /// How many characters are written.
    #[arg(long, default_value_t = 500)]
    length: usize,
    /// How boldly: 1 as the model thinks, less is safer, 0 always the likeliest character.
    #[arg(long, default_value_t = 0.7)]
    temperature: f64,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_string()),
        Ok(n) => Ok(n),
        Err(_) => Err("must be a whole number".to_string()),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    lessons::report::run(|| {
        rayon::ThreadPoolBuilder::new().num_threads(args.threads).build_global()?;
        // A checkpoint knows its cell; otherwise the flag says it.
        let loaded = args.load.as_deref().map(Checkpoint::load).transpose()?;
        let cell = match &loaded {
            Some(checkpoint) => checkpoint.metadata("cell")?.to_string(),
            None => format!("{:?}", args.cell).to_lowercase(),
        };
        match cell.as_str() {
            "rnn" => lesson::<Vanilla>(&args, loaded),
            "gru" => lesson::<Gru>(&args, loaded),
            "lstm" => lesson::<Lstm>(&args, loaded),
            other => {
                bail!("the checkpoint holds a cell called `{other}`; known are rnn, gru and lstm")
            }
        }
    })
}

fn lesson<C: Cell>(args: &Args, loaded: Option<Checkpoint>) -> Result<()>
where
    StateOf<C, Tensor<f32>>: Send + Sync,
    LanguageModel<C, Tensor<f32>>: Send + Sync,
{
    let decoding = match args.temperature {
        0.0 => Decoding::greedy(),
        temperature => Decoding::temperature(temperature)?,
    };
    if let Some(checkpoint) = loaded {
        let (model, vocabulary) = open::<C>(checkpoint)?;
        println!("{}", write(&model, &vocabulary, &decoding, args)?);
        return Ok(());
    }

    ensure!(
        args.lr > 0.0 && args.lr.is_finite(),
        "--lr is {}; the learning rate must be positive",
        args.lr
    );
    ensure!(
        args.clip > 0.0,
        "--clip is {}; the largest norm of a gradient must be positive",
        args.clip
    );

    // 1. A text is a list of ids, one a character. The last tenth is held out.
    let text = match &args.text {
        Some(path) => read_text(path)?,
        None => SALT_ROAD.to_string(),
    };
    let vocabulary = Vocabulary::of(&text)?;
    let ids = vocabulary.encode(&text)?;
    let (train, held_out) = split_at_fraction(&ids, 0.9);
    let held_out = &held_out[..held_out.len().min(VALIDATION + 1)];
    let mut streams = Streams::new(train.to_vec(), args.streams, args.window)?;
    ensure!(held_out.len() > 1, "the text is too short to hold a part of it out");
    prompt(args, &vocabulary)?;
    for path in [&args.save, &args.checkpoint].into_iter().flatten() {
        checkpoint::check_writable(path)?;
    }
    if let (Some(save), Some(checkpoint)) = (&args.save, &args.checkpoint) {
        ensure!(
            save != checkpoint,
            "--save and --checkpoint are both {}; the model needs a file of its own",
            save.display()
        );
    }
    let figures = args.options.folder()?;
    println!("{} characters, {} different", ids.len(), vocabulary.len());

    let read: String = vocabulary.decode(train);
    let known: HashSet<&str> = words(&read).collect();

    // 2. How far does counting get? Bits a character on the held-out text, the fewer the better.
    let mut counted = Vec::new();
    for order in 1..=LONGEST {
        let bits = NGram::count(train, order, vocabulary.len()).bits(held_out);
        println!("{order}-gram {bits:.3} bits");
        counted.push(bits);
    }

    // 3. A network that has learned nothing: every character is about as likely as any other.
    let mut run = Run::<C>::new(args.options.seed, vocabulary.len(), args);
    println!("{} with {} units, {} parameters", C::NAME, args.hidden, run.model.count());

    // Or one that has learned something already: then all stands where the checkpoint left it.
    let options = options(args, C::NAME, &text);
    if let Some(path) = args.checkpoint.as_deref().filter(|path| path.exists()) {
        run.load(path, &options)?;
        (0..run.done % streams.windows()).for_each(|_| drop(streams.next_window()));
        println!("going on after step {} of {}", run.done, path.display());
    }
    println!();

    // 4. Read a window in every stream, compare, go back in time, take a step; again and again.
    let bar = lessons::progress::bar(args.steps as u64);
    let interrupted = on_interrupt()?;
    bar.set_position(run.done as u64);
    for step in run.done..args.steps {
        let loss = run.step(streams.next_window(), args)?;
        bar.set_message(format!("{:.2} bits a character", bits(loss)));
        bar.inc(1);

        // 5. Five times on the way: how good is it, and what does it write?
        if [1, args.steps / 20, args.steps / 5, args.steps / 2, args.steps].contains(&run.done) {
            let (bits, by_kind) = validate(&run.model, held_out, &vocabulary)?;
            let sample = write(&run.model, &vocabulary, &decoding, args)?;
            let real = share_of_words(&sample, &known);
            run.judged.push(Judged { step, bits, by_kind, real });
            bar.suspend(|| {
                println!("--- step {}: {bits:.3} bits on held-out text", run.done);
                for line in lines(sample.trim(), 68) {
                    println!("{}", format!("  | {line}").trim_end());
                }
                println!();
            });
        }
        let stop = interrupted.load(Ordering::Relaxed);
        if let Some(path) = &args.checkpoint
            && (stop || run.done.is_multiple_of(args.every) || run.done == args.steps)
        {
            run.save(path, &vocabulary, &options)?;
        }
        if stop {
            break;
        }
    }
    bar.finish_and_clear();

    // 6. What was it worth?
    if let Some(path) = &args.save {
        model_alone(&run.model, &vocabulary)?.save(path)?;
        println!("saved to {}", path.display());
    }
    if run.done < args.steps {
        bail!("interrupted after {} of {} steps", run.done, args.steps);
    }
    let figure = figures.join(format!("10_{}_loss.svg", C::NAME));
    plot(&figure, C::NAME, &run, &counted)?;
    println!("loss curve in {}", figure.display());
    plot_kinds(&figures.join(format!("10_{}_kinds.svg", C::NAME)), &run.judged)?;
    println!("\nbits for what has to be predicted, and the share of real words written");
    println!("  step  {}  real words", KINDS.join("  "));
    for Judged { step, by_kind, real, .. } in &run.judged {
        let cells = KINDS.iter().zip(by_kind).map(|(kind, x)| format!("{x:0$.2}", kind.len()));
        println!("  {:4}  {}  {real:10.2}", step + 1, cells.collect::<Vec<_>>().join("  "));
    }
    println!();

    // 7. How much of it is chance? The same again with other seeds, for the bits alone.
    let bits = run.judged.last().map_or(f64::NAN, |judged| judged.bits);
    let mut all = vec![bits];
    let repeats = if args.save.is_some() || args.checkpoint.is_some() { 1 } else { args.repeat };
    let bar = lessons::progress::bar(((repeats - 1) * args.steps) as u64);
    for seed in (args.options.seed + 1..).take(repeats - 1) {
        bar.set_message(format!("seed {seed}"));
        let mut run = Run::<C>::new(seed, vocabulary.len(), args);
        let mut streams = Streams::new(train.to_vec(), args.streams, args.window)?;
        while run.done < args.steps {
            run.step(streams.next_window(), args)?;
            bar.inc(1);
            ensure!(!interrupted.load(Ordering::Relaxed), "interrupted with seed {seed}");
        }
        let (bits, _) = validate(&run.model, held_out, &vocabulary)?;
        bar.suspend(|| println!("with seed {seed}: {bits:.3} bits"));
        all.push(bits);
    }
    bar.finish_and_clear();
    println!();
    let spread = Spread::of(all);
    ensure!(
        spread.median < counted[2] || !is_usual(&options),
        "the network needs {spread:.3} bits, the 3-gram only {:.3}",
        counted[2]
    );

    result("cell", C::NAME);
    result("parameters", run.model.count());
    result("characters", ids.len());
    result("symbols", vocabulary.len());
    result("bits_uniform", format!("{:.3}", (vocabulary.len() as f64).log2()));
    result("bits", format!("{bits:.3}"));
    let end = &run.losses[run.losses.len().saturating_sub(4 * MEAN_OF)..];
    let read = end.iter().map(|&loss| self::bits(loss)).sum::<f64>() / end.len() as f64;
    result("bits_read", format!("{read:.2}"));
    if repeats > 1 {
        result("bits_median", format!("{:.3}", spread.median));
        result("bits_spread", spread.range(3));
    }
    for (order, bits) in (1..).zip(&counted) {
        result(&format!("bits_{order}gram"), format!("{bits:.3}"));
    }
    for Judged { step, by_kind, real, .. } in &run.judged {
        for (kind, bits) in KINDS.iter().zip(by_kind) {
            result(&format!("{}_{}", kind.replace(' ', "_"), step + 1), format!("{bits:.2}"));
        }
        result(&format!("real_words_{}", step + 1), format!("{real:.2}"));
    }
    Ok(())
}

/// All that changes from step to step: what the next one depends on, and what was seen so far.
struct Run<C: Cell> {
    /// The steps taken. They say too where the streams are, and what the learning rate is.
    done: usize,
    model: LanguageModel<C, Tensor<f32>>,
    /// With its running means.
    adam: Adam<f32>,
    /// The hidden states, one a layer, that each group of streams carries into its next window.
    states: Vec<Vec<StateOf<C, Tensor<f32>>>>,
    /// Nothing is drawn after the start; what would be drawn, as for dropout, would go on too.
    rng: ChaCha8Rng,
    /// The loss of each step, in nats a character.
    losses: Vec<f32>,
    /// What it could do at five points on the way.
    judged: Vec<Judged>,
}

/// What a model can do.
struct Judged {
    /// After this step, counted from 0.
    step: usize,
    /// Bits a character on held-out text.
    bits: f64,
    /// The same for each of the [`KINDS`] alone.
    by_kind: [f64; KINDS.len()],
    /// The share of words in its sample that are words of the text.
    real: f64,
}

impl<C: Cell> Run<C> {
    /// Before the first step.
    fn new(seed: u64, vocab_size: usize, args: &Args) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let model = LanguageModel::<C>::init::<f32>(vocab_size, None, args.hidden, &mut rng);
        let states = groups(args.streams).map(|rows| model.zero_states(rows.len())).collect();
        let adam = Adam::new(args.lr);
        Self { done: 0, model, adam, states, rng, losses: Vec::new(), judged: Vec::new() }
    }

    // ANCHOR: step
    /// One step: a window is read in every stream, and the parameters move. The loss,
    /// in nats a character.
    fn step(&mut self, window: Window, args: &Args) -> Result<f32>
    where
        StateOf<C, Tensor<f32>>: Send + Sync,
        LanguageModel<C, Tensor<f32>>: Send + Sync,
    {
        let Window { inputs, targets, fresh } = window;
        let shards = shards(&inputs, &targets, args.streams);
        if fresh {
            let zeros = |shard: &Shard| self.model.zero_states(shard.rows);
            self.states = shards.iter().map(zeros).collect();
        }
        // Each group of streams on its own; the state goes on, the gradient stops:
        // truncated BPTT.
        let found: Vec<_> = shards
            .par_iter()
            .zip(&self.states)
            .map(|(shard, states)| {
                self.model.window_grad(&shard.inputs, &shard.targets, states, None)
            })
            .collect::<Result<_, _>>()?;
        let mut grads = self.model.zeros_like();
        let mut loss = 0.0;
        self.states.clear();
        for (shard, found) in shards.iter().zip(found) {
            let share = shard.rows as f32 / args.streams as f32;
            grads.add_assign(&found.grads.map(|gradient| gradient * f64::from(share)));
            loss += share * found.loss;
            self.states.push(found.last_states);
        }
        clip_grad_norm(&mut grads, args.clip)?;
        *self.adam.lr() = args.lr * (1.0 - self.done as f64 / args.steps as f64);
        self.adam.step(&mut self.model, &grads)?;
        self.losses.push(loss);
        self.done += 1;
        Ok(loss)
    }
    // ANCHOR_END: step

    /// Everything in one file, with the options and the vocabulary.
    fn save(&self, path: &Path, vocabulary: &Vocabulary, options: &[Choice]) -> Result<()> {
        let mut saved = model_alone(&self.model, vocabulary)?;
        saved.insert_optimizer("optimizer", &self.adam, &self.model)?;
        for (i, states) in self.states.iter().enumerate() {
            for (layer, state) in states.iter().enumerate() {
                saved.insert_params(&format!("training.states.{i}.{layer}"), state)?;
            }
        }
        saved.insert_tensor("training.losses", Tensor::from(self.losses.clone()))?;
        saved.insert_rng("training.rng", &self.rng);
        saved.insert("training.done", self.done);
        for (i, Judged { step, bits, by_kind, real }) in self.judged.iter().enumerate() {
            saved.insert(&format!("training.judged.{i}.step"), step);
            saved.insert(&format!("training.judged.{i}.bits"), bits);
            saved.insert(&format!("training.judged.{i}.real"), real);
            for (kind, bits) in by_kind.iter().enumerate() {
                saved.insert(&format!("training.judged.{i}.{kind}"), bits);
            }
        }
        saved.insert("training.judged", self.judged.len());
        for (flag, value) in options {
            saved.insert(&format!("option.{flag}"), value);
        }
        Ok(saved.save(path)?)
    }

    /// What [`save`](Self::save) wrote, if the options were the same.
    fn load(&mut self, path: &Path, options: &[Choice]) -> Result<()> {
        let mut saved = Checkpoint::load(path)?;
        let mut different = Vec::new();
        for (flag, value) in options {
            let before = saved.metadata(&format!("option.{flag}"))?;
            if before != value {
                different.push(format!("--{flag} was {before} and is {value}"));
            }
        }
        ensure!(
            different.is_empty(),
            "the run of the checkpoint {} had other options: {}; give the same, or another --checkpoint",
            path.display(),
            different.join(", ")
        );

        saved.take_optimizer("optimizer", &mut self.adam, &self.model)?;
        for (i, states) in self.states.iter_mut().enumerate() {
            for (layer, state) in states.iter_mut().enumerate() {
                *state = saved.take_params(&format!("training.states.{i}.{layer}"), state)?;
            }
        }
        let losses = saved.take_tensor("training.losses").context("no losses are in it")?;
        self.losses = losses.data().to_vec();
        self.rng = saved.rng("training.rng")?;
        self.done = saved.parse("training.done")?;
        ensure!(
            self.losses.len() == self.done,
            "the checkpoint {} has {} losses for {} steps; was it saved by this lesson?",
            path.display(),
            self.losses.len(),
            self.done
        );
        for i in 0..saved.parse("training.judged")? {
            let step = saved.parse(&format!("training.judged.{i}.step"))?;
            let number = |what: &str| saved.parse(&format!("training.judged.{i}.{what}"));
            let (bits, real) = (number("bits")?, number("real")?);
            let mut by_kind = [0.0; KINDS.len()];
            for (kind, bits) in by_kind.iter_mut().enumerate() {
                *bits = number(&kind.to_string())?;
            }
            self.judged.push(Judged { step, bits, by_kind, real });
        }
        self.model = saved.into_params(&self.model)?;
        Ok(())
    }
}

/// A flag, and what was chosen.
type Choice = (&'static str, String);

/// What decides the numbers of a run. Threads, for one, do not.
fn options(args: &Args, cell: &str, text: &str) -> Vec<Choice> {
    let sum = crc32fast::hash(text.as_bytes());
    vec![
        ("cell", cell.to_string()),
        ("text", format!("a text of {} bytes with the CRC-32 {sum:08x}", text.len())),
        ("hidden", args.hidden.to_string()),
        ("steps", args.steps.to_string()),
        ("streams", args.streams.to_string()),
        ("window", args.window.to_string()),
        ("lr", args.lr.to_string()),
        ("clip", args.clip.to_string()),
        ("seed", args.options.seed.to_string()),
    ]
}

/// Whether these are the choices of a run without flags, seed apart: what can be asserted of it.
fn is_usual(options: &[Choice]) -> bool {
    let usual = self::options(&Args::parse_from(["10"]), Gru::NAME, SALT_ROAD);
    options.iter().zip(&usual).all(|(is, usual)| is == usual || is.0 == "seed")
}

/// Nats as bits.
fn bits(nats: f32) -> f64 {
    f64::from(nats) / LN_2
}

/// The rows of some streams of a window.
struct Shard {
    rows: usize,
    inputs: Vec<usize>,
    targets: Vec<usize>,
}

/// The streams in [`SHARDS`] groups of neighbours; fewer if there are not as many streams.
fn groups(streams: usize) -> impl Iterator<Item = Range<usize>> {
    let size = streams.div_ceil(SHARDS);
    (0..streams).step_by(size).map(move |from| from..streams.min(from + size))
}

/// A window's streams in these groups.
fn shards(inputs: &[usize], targets: &[usize], streams: usize) -> Vec<Shard> {
    let part = |ids: &[usize], rows: &Range<usize>| -> Vec<usize> {
        ids.chunks(streams).flat_map(|row| &row[rows.clone()]).copied().collect()
    };
    let shard = |rows: Range<usize>| Shard {
        inputs: part(inputs, &rows),
        targets: part(targets, &rows),
        rows: rows.len(),
    };
    groups(streams).map(shard).collect()
}

/// The words of a text, of two letters or more.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().nth(1).is_some())
}

/// The share of a sample's words that are known; 0 if it has none.
fn share_of_words(sample: &str, known: &HashSet<&str>) -> f64 {
    let written = words(sample).count();
    let real = words(sample).filter(|word| known.contains(word)).count();
    real as f64 / written.max(1) as f64
}

/// What a character is, by itself and the one before it: an index of [`KINDS`].
fn kind(before: char, c: char) -> usize {
    match (c.is_whitespace(), c.is_alphabetic()) {
        (true, _) => 0,
        (_, true) if !before.is_alphabetic() => 1,
        (_, true) => 2,
        _ => 3,
    }
}

// ANCHOR: validate
/// The mean of −log₂ p over a text, read from a state of zeros that is carried through;
/// and for each kind of character the mean over those alone.
fn validate<C: Cell>(
    model: &LanguageModel<C, Tensor<f32>>,
    text: &[usize],
    vocabulary: &Vocabulary,
) -> Result<(f64, [f64; KINDS.len()])> {
    let symbols = vocabulary.symbols();
    let mut states = model.zero_states(1);
    let (mut bits, mut counts) = ([0.0; KINDS.len()], [0; KINDS.len()]);
    for start in (0..text.len() - 1).step_by(1000) {
        let end = (text.len() - 1).min(start + 1000);
        let (trace, scores) = model.forward(&text[start..end], &states, None)?;
        let log_p = LogSoftmax { axis: None }.forward([&scores])?;
        for (i, pair) in text[start..=end].windows(2).enumerate() {
            let kind = kind(symbols[pair[0]], symbols[pair[1]]);
            bits[kind] -= f64::from(log_p.entry(i).data()[pair[1]]) / LN_2;
            counts[kind] += 1;
        }
        states = trace.last;
    }
    let all = bits.iter().sum::<f64>() / (text.len() - 1) as f64;
    Ok((all, std::array::from_fn(|kind| bits[kind] / f64::from(counts[kind].max(1)))))
}
// ANCHOR_END: validate

// ANCHOR: write
/// Continues the prompt, one character at a time: each is drawn, and is the next input.
fn write<C: Cell>(
    model: &LanguageModel<C, Tensor<f32>>,
    vocabulary: &Vocabulary,
    decoding: &Decoding,
    args: &Args,
) -> Result<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(args.options.seed);
    let mut input = prompt(args, vocabulary)?;
    let mut states = model.zero_states(1);
    let mut written = input.clone();
    for _ in 0..args.length {
        let (trace, scores) = model.forward(&input, &states, None)?;
        let last = scores.entry(input.len() - 1);
        let next = try_pick(last.data(), decoding, &mut rng)?;
        written.push(next);
        input = vec![next];
        states = trace.last;
    }
    Ok(vocabulary.decode(&written))
}
// ANCHOR_END: write

/// What to continue: what was asked for, or the start of a line, or (in a text of one line) the
/// vocabulary's first character.
fn prompt(args: &Args, vocabulary: &Vocabulary) -> Result<Vec<usize>> {
    match &args.prompt {
        Some(prompt) if prompt.is_empty() => bail!("--prompt: give at least one character"),
        Some(prompt) => vocabulary.encode(prompt).context("--prompt"),
        None => Ok(vec![vocabulary.id(&'\n').unwrap_or(0)]),
    }
}

/// The model and its vocabulary, for a file of their own.
fn model_alone<C: Cell>(
    model: &LanguageModel<C, Tensor<f32>>,
    vocabulary: &Vocabulary,
) -> Result<Checkpoint> {
    let mut saved = Checkpoint::of(model)?;
    saved.insert("cell", C::NAME);
    saved.insert("vocabulary", vocabulary.symbols().iter().collect::<String>());
    Ok(saved)
}

/// The model that was saved, alone or in the middle of a run.
fn open<C: Cell>(
    mut checkpoint: Checkpoint,
) -> Result<(LanguageModel<C, Tensor<f32>>, Vocabulary)> {
    for part in ["optimizer", "training"] {
        checkpoint.take_tensors(part);
    }
    let vocabulary =
        Vocabulary::from_symbols(checkpoint.metadata("vocabulary")?.chars().collect())?;
    let head =
        checkpoint.tensors().get("head.weight").context("the checkpoint has no `head.weight`")?;
    let &[_, hidden] = head.shape() else {
        bail!("`head.weight` has the shape {:?} instead of two axes", head.shape());
    };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let template = LanguageModel::<C>::init(vocabulary.len(), None, hidden, &mut rng);
    Ok((checkpoint.into_params(&template)?, vocabulary))
}

/// A flag that Ctrl-C sets: training then stops after its step, and saves if it was asked to.
fn on_interrupt() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130); // asked twice
        }
    })?;
    Ok(flag)
}

/// The loss while reading, the mean of [`MEAN_OF`] steps each, and on held-out text, beside the n-grams on the same.
fn plot<C: Cell>(path: &Path, cell: &str, run: &Run<C>, counted: &[f64]) -> Result<()> {
    let mean = |(i, part): (usize, &[f32])| {
        let steps = (i * MEAN_OF) as f64 + (part.len() - 1) as f64 / 2.0;
        (steps, part.iter().map(|&loss| bits(loss)).sum::<f64>() / part.len() as f64)
    };
    let read = run.losses.chunks(MEAN_OF).enumerate().map(mean).collect();
    let judged = run.judged.iter().map(|judged| (judged.step as f64, judged.bits)).collect();
    let mut chart = LineChart::new("What a character model learns", "step", "bits a character");
    chart.series.push(Series::new(&format!("{cell}, while reading"), read));
    chart.series.push(Series::new(&format!("{cell}, held out"), judged));
    for (order, &bits) in (1..).zip(counted) {
        chart.baseline(&format!("{order}-gram, held out"), bits);
    }
    chart.write(path)
}

/// How well each kind of character was predicted on the way.
fn plot_kinds(path: &Path, judged: &[Judged]) -> Result<()> {
    let mut chart = LineChart::new("What is learned first", "step", "bits a character, held out");
    chart.log_x = true;
    for (i, kind) in KINDS.iter().enumerate() {
        let points = judged.iter().map(|judged| ((judged.step + 1) as f64, judged.by_kind[i]));
        chart.series.push(Series::new(kind, points.collect()));
    }
    chart.write(path)
}
