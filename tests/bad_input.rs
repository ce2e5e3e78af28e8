//! The mistakes that are made most, at every place where they can be made: each has a variant of its own and a sentence
//! with the facts, or is a panic with such a sentence. What is no mistake, a sequence without a step, is here too.
//!
//! The rest stands with its subject: k1 and k2 in `bptt`; temperature, top-k, top-p, beams and prompts in
//! `decode/refused`; malformed lines in `data/loaders` and `data/numbers`; batches, classes and tags in `models/refused`.

use autograd::{Params, Tape, Tensor};
use rnn::bptt::{Memory, checkpointed_bptt};
use rnn::data::{
    Counts, DataError, SeriesTooShort, Source, Special, StreamError, Streams, Vocabulary,
    VocabularyError, labelled, sliding,
};
use rnn::decode::{Beam, DecodeError, Decoding, End, Stop, beam_search, generate, symbols};
use rnn::models::{
    Acceptor, AcceptorOptions, Captioner, CaptionerOptions, Forecaster, ImageAs, ModelError,
    Pooling, Tagger, TaggerOptions, VideoClassifier, VideoOptions,
};
use rnn::seq::SeqError;
use rnn::stack::StackError;
use rnn::{
    Cell, Deep, DeepOptions, Directions, Engine, Gru, GruResetBefore, LanguageModel, Linear, Lstm,
    LstmVariant, Merge, MinGru, MinLstm, Seq, Stack, StackOptions, StateOf, Vanilla, unroll,
};
use tests::drawn::Drawn;
use tests::{panics, refused, rng};

fn zeros(shape: &[usize]) -> Tensor<f64> {
    Tensor::zeros(shape)
}

/// T = 5, B = 2.
fn seq(features: usize) -> Seq<Tensor<f64>> {
    Seq::time_major(zeros(&[5, 2, features]))
}

/// Two layers, I = 3, H = 4.
fn options<O: Default>() -> StackOptions<O> {
    StackOptions { layers: 2, ..StackOptions::new(3, 4) }
}

fn stack() -> Stack<Lstm, Tensor<f64>> {
    Stack::<Lstm>::init(&options(), &mut rng(0))
}

#[test]
fn features_that_a_stack_does_not_read_are_named_with_those_that_it_does() {
    let variant = |e: &_| matches!(e, StackError::Features { found: 7, wanted: 3 });
    let facts = ["stack: an input has 7 features, and the first layer reads 3"];
    let stack = stack();
    refused(stack.try_unroll(&seq(7), None, None), variant, &facts);
    for engine in [Engine::Explicit, Engine::Tape] {
        let tape = Tape::new();
        let mut vars = stack.map(|w| tape.leaf(w.clone()));
        vars.options.engine = engine;
        let xs = seq(7).map_rows(|rows| tape.constant(rows.clone()));
        refused(vars.try_on_tape(&xs, None, None), variant, &facts);
    }
}

#[test]
fn features_that_a_cell_does_not_read_are_named_with_those_that_it_does() {
    let facts = |op: &str| format!("{op}: an input has 7 features, and the cell reads 3");
    let gru = Gru::init::<f64>(3, 4, &mut rng(0));
    let state = Gru::zero_state(&gru, 2);
    panics(|| unroll::<Gru, f64>(&gru, &seq(7), &state), &[&facts("unroll")]);
    let d_output = |_: usize, h: &Tensor<f64>| h.clone();
    let call = || {
        checkpointed_bptt::<Gru, f64>(&gru, &seq(7), &state, Memory::Sqrt, d_output, None).is_ok()
    };
    panics(call, &[&facts("checkpointed bptt")]);
    let deep = DeepOptions { layers: 2, ..DeepOptions::default() };
    let deep = Deep::<Gru>::init_with::<f64>(&deep, 3, 4, &mut rng(0));
    let state = Deep::<Gru>::zero_state(&deep, 2);
    panics(|| unroll::<Deep<Gru>, f64>(&deep, &seq(7), &state), &[&facts("unroll")]);
    let linear = Linear::init::<f64>(3, 4, &mut rng(0));
    panics(|| linear.forward(&zeros(&[2, 7])), &["matmul", "[2, 7]", "[3, 4]"]);
}

#[test]
fn features_that_a_model_does_not_read_are_named_with_those_that_it_does() {
    let facts = ["stack: an input has 7 features, and the first layer reads 3"];
    let rng = &mut rng(0);
    let (embedding, pooling) = (None, Pooling::Last);
    let acceptor = AcceptorOptions { embedding, rnn: options(), pooling, classes: 2 };
    let acceptor = Acceptor::<Gru>::init::<f64>(&acceptor, rng);
    panics(|| acceptor.scores(&seq(7)), &facts);
    let tagger = TaggerOptions { embedding, rnn: options(), tags: 2 };
    let tagger = Tagger::<Gru>::init::<f64>(&tagger, rng);
    panics(|| tagger.scores(&seq(7)), &facts);
    let forecaster = Forecaster::<Gru>::init::<f64>(&options(), rng);
    panics(|| forecaster.forecast(&seq(7), 1), &facts);
    panics(|| forecaster.one_step(&seq(7)), &facts);

    let captioner =
        CaptionerOptions { vocab_size: 3, features: 3, rnn: options(), image_as: ImageAs::State };
    let captioner = Captioner::<Gru>::init::<f64>(&captioner, rng);
    panics(|| captioner.start(&zeros(&[2, 7])), &["matmul", "[2, 7]", "[3, 8]"]);
    let video = VideoOptions {
        frame: [1, 4, 4],
        kernels: 1,
        side: 3,
        pool: 2,
        rnn: options(),
        pooling,
        classes: 2,
    };
    let video = VideoClassifier::<Gru>::init::<f64>(&video, rng);
    panics(|| video.scores(&seq(7)), &["reshape", "[10, 7]", "[10, 1, 4, 4]"]);
}

#[test]
fn tensors_that_are_no_sequences_are_named_with_the_axes_that_they_should_have() {
    let tape = Tape::new();
    let time = |e: &_| matches!(e, SeqError::Rank { layout: "Seq::time_major", .. });
    let sentence = ["Seq::time_major: [2, 3] must have three axes, [T, B, F]"];
    refused(Seq::try_time_major(zeros(&[2, 3])), time, &sentence);
    refused(Seq::try_time_major(tape.constant(zeros(&[2, 3]))), time, &sentence);
    panics(|| Seq::time_major(zeros(&[2, 3])), &sentence);
    let batch = |e: &_| matches!(e, SeqError::Rank { layout: "Seq::batch_major", .. });
    let sentence = ["Seq::batch_major: [2] must have three axes, [B, T, F]"];
    refused(Seq::try_batch_major(&zeros(&[2])), batch, &sentence);
    panics(|| Seq::batch_major(&zeros(&[2])), &sentence);
    let alone = |e: &_| matches!(e, SeqError::Rank { layout: "Seq::unbatched", .. });
    let sentence = ["Seq::unbatched: [2, 3, 4] must have two axes, [T, F]"];
    refused(Seq::try_unbatched(zeros(&[2, 3, 4])), alone, &sentence);
    panics(|| Seq::unbatched(zeros(&[2, 3, 4])), &sentence);
}

#[test]
fn lengths_that_a_batch_cannot_have_are_named_with_their_row() {
    let xs = seq(3);
    for lengths in [&[5][..], &[5, 5, 5], &[]] {
        let count = lengths.len();
        let fact = format!("with_lengths: {count} lengths for a batch of 2 rows; give one a row");
        let variant = |e: &_| matches!(e, SeqError::LengthCount { batch: 2, .. });
        refused(xs.with_lengths(lengths), variant, &[&fact]);
    }
    refused(
        xs.with_lengths(&[5, 6]),
        |e| matches!(e, SeqError::TooLong { row: 1, length: 6, seq_len: 5 }),
        &[
            "with_lengths: row 1 has the length 6, and the sequence has 5 steps; no row can be longer",
        ],
    );
}

#[test]
fn states_that_do_not_fit_a_stack_are_named_with_what_fits() {
    let stack = stack();
    let shape = |e: &_| matches!(e, StackError::StateShape { index: 0, .. });
    let facts = ["stack: `h` of state 0 has the shape [1, 4], and must have [2, 4]"];
    refused(stack.try_unroll(&seq(3), Some(&stack.zero_states(1)), None), shape, &facts);
    let mut states = stack.zero_states(2);
    states[1].c = zeros(&[2, 5]);
    let shape = |e: &_| matches!(e, StackError::StateShape { index: 1, .. });
    let facts = ["stack: `c` of state 1 has the shape [2, 5], and must have [2, 4]"];
    refused(stack.try_unroll(&seq(3), Some(&states), None), shape, &facts);
    let count = |e: &_| matches!(e, StackError::StateCount { found: 1, layers: 2, directions: 1 });
    let facts = ["stack: 1 states for 2 layers of 1 directions; give one for each"];
    refused(stack.try_unroll(&seq(3), Some(&states[..1]), None), count, &facts);
}

#[test]
fn states_that_do_not_fit_a_cell_are_named_with_what_fits() {
    let gru = Gru::init::<f64>(3, 4, &mut rng(0));
    let facts = "`h` of the initial state has the shape [1, 4], and must have [2, 4]";
    let one_row = Gru::zero_state(&gru, 1); // would be broadcast over the batch
    panics(|| unroll::<Gru, f64>(&gru, &seq(3), &one_row), &["unroll: ", facts]);
    let d_output = |_: usize, h: &Tensor<f64>| h.clone();
    let call = || {
        checkpointed_bptt::<Gru, f64>(&gru, &seq(3), &one_row, Memory::Sqrt, d_output, None).is_ok()
    };
    panics(call, &["checkpointed bptt: ", facts]);
    let model = LanguageModel::<Gru>::init::<f64>(3, None, 4, &mut rng(0));
    let facts = ["embed: 3 ids do not fill 2 rows; give every step one id a row"];
    panics(|| model.embed(&[0, 1, 2], 2), &facts);
    panics(|| model.embed(&[0, 1, 2], 0), &["embed: 3 ids do not fill 0 rows"]);
    let states = [model.zero_states(2), model.zero_states(2)].concat();
    panics(
        || model.forward(&[0, 1], &states, None).is_ok(),
        &["stack: 2 states for 1 layers of 1 directions; give one for each"],
    );
}

/// No step: no outputs, the states are the initial ones, and the gradients are zeros or those of the states.
fn no_steps<C: Drawn>(directions: Directions)
where
    StateOf<C, Tensor<f64>>: Clone + PartialEq + std::fmt::Debug,
{
    let options = StackOptions { directions, ..options() };
    let stack = Stack::<C>::init::<f64>(&options, &mut rng(1));
    let steps = zeros(&[0, 2, 3]);
    let xs = Seq::time_major(steps.clone());
    let initial: Vec<_> = stack.zero_states(2).iter().map(|s| s.map(|s| s + 0.5)).collect();
    let trace = stack.unroll(&xs, Some(&initial), None);
    let outputs = zeros(&[0, 2, stack.output_size()]);
    assert_eq!((trace.outputs.steps(), &trace.last), (outputs.clone(), &initial), "{}", C::NAME);
    let back = stack.bptt(&trace, &Seq::time_major(outputs.clone()), Some(&initial));
    assert_eq!(back.grads.leaves(), stack.zeros_like().leaves(), "{}", C::NAME);
    assert_eq!((back.d_xs.steps(), back.d_initial), (steps.clone(), initial.clone()));
    for engine in [Engine::Explicit, Engine::Tape] {
        let tape = Tape::new();
        let mut vars = stack.map(|w| tape.leaf(w.clone()));
        vars.options.engine = engine;
        let on_tape: Vec<_> = initial.iter().map(|s| s.map(|s| tape.constant(s.clone()))).collect();
        let xs = Seq::time_major(tape.constant(steps.clone()));
        let out = vars.on_tape(&xs, Some(&on_tape), None);
        assert_eq!(
            (out.outputs.steps().value(), out.carried()),
            (outputs.clone(), initial.clone())
        );
        let grads = tape.backward(out.outputs.steps().sum());
        assert_eq!(vars.map(|&w| grads.of(w)).leaves(), stack.zeros_like().leaves());
    }
}

#[test]
fn no_steps_are_no_outputs_and_leave_the_states_as_they_are() {
    for directions in [Directions::Forward, Directions::Reverse, Directions::Both(Merge::Concat)] {
        no_steps::<Vanilla>(directions);
        no_steps::<Gru>(directions);
        no_steps::<GruResetBefore>(directions);
        no_steps::<Lstm>(directions);
        no_steps::<LstmVariant>(directions);
        no_steps::<MinGru>(directions);
        no_steps::<MinLstm>(directions);
    }
}

#[test]
fn a_window_without_steps_has_no_loss_and_no_gradient() {
    let model = LanguageModel::<Gru>::init::<f64>(3, Some(2), 4, &mut rng(0));
    let states = model.zero_states(2);
    assert_eq!(model.embed(&[], 2).expect("no id is wrong").steps(), zeros(&[0, 2, 2]));
    let found = model.window_grad(&[], &[], &states, None).expect("no id is wrong");
    assert_eq!(found.loss, 0.0);
    assert_eq!(found.grads.leaves(), model.zeros_like().leaves());
    assert_eq!(found.last_states, states);
}

#[test]
fn a_text_ends_at_its_largest_length_where_there_is_no_end_symbol() {
    let model = LanguageModel::<Gru>::init::<f64>(3, None, 4, &mut rng(0));
    let stop = Stop { eos: None, max_len: 7 };
    let (greedy, beam) = (Decoding::greedy(), Beam::width(2).expect("it is not 0"));
    let texts = generate(&model, &[[0]], model.zero_states(1), &greedy, stop, &mut [rng(0)]);
    let best = beam_search(&model, &[0], model.zero_states(1), &beam, stop);
    for text in texts.expect("it writes").into_iter().chain(best.expect("it writes")) {
        assert_eq!((text.ids.len(), text.end), (7, End::Cut));
    }
}

#[test]
fn an_end_symbol_that_is_not_there_is_named() {
    let model = LanguageModel::<Gru>::init::<f64>(3, None, 4, &mut rng(0));
    let stop = Stop { eos: Some(3), max_len: 7 };
    let (greedy, beam) = (Decoding::greedy(), Beam::width(2).expect("it is not 0"));
    let variant = |e: &_| matches!(e, DecodeError::Eos { eos: 3, vocab_size: 3 });
    let facts = ["the end symbol 3 is not one of the model's 3 symbols; use `None` if it has none"];
    let state = || model.zero_states(1);
    refused(generate(&model, &[[0]], state(), &greedy, stop, &mut [rng(0)]), variant, &facts);
    refused(symbols(&model, &[0], state(), &greedy, stop, &mut rng(0)), variant, &facts);
    refused(beam_search(&model, &[0], state(), &beam, stop), variant, &facts);
    let vocabulary = Vocabulary::of("ab").expect("two characters");
    panics(
        || vocabulary.special(Special::Eos),
        &["special: the vocabulary has no <eos>; give it by `with(&[Special::Eos])`"],
    );
}

#[test]
fn a_corpus_of_nothing_is_refused_wherever_it_would_be_read() {
    let no_symbols = |e: &_| matches!(e, VocabularyError::NoSymbols { .. });
    let needs = "a vocabulary needs at least two different ones";
    refused(Vocabulary::of(""), no_symbols, &["there are no characters", needs]);
    refused(Vocabulary::of_words(" \n"), no_symbols, &["there are no words", needs]);
    refused(Counts::<char>::new().vocabulary(), no_symbols, &["there are no characters", needs]);

    let nothing = |e: &_| matches!(e, StreamError::NothingFollows { characters: 0 });
    let facts = ["the text has length 0; nothing can be predicted with fewer than 2 characters"];
    refused(Streams::new(vec![], 1, 1), nothing, &facts);
    refused(
        sliding(&zeros(&[0, 1]), 3, 1),
        |e| matches!(e, SeriesTooShort { steps: 0, needed: 4, .. }),
        &["the series has 0 steps", "needs 4"],
    );

    let empty = |e: &_| matches!(e, DataError::Empty { .. });
    let source = || Source::new("data.tsv", &b""[..]);
    refused(source().text(), empty, &["data.tsv is empty: there is no text in it"]);
    let lines = labelled(source()).collect::<Result<Vec<_>, _>>();
    refused(lines, empty, &["data.tsv is empty: there is no labelled line in it"]);

    let options =
        AcceptorOptions { embedding: Some(3), rnn: options(), pooling: Pooling::Last, classes: 2 };
    let acceptor = Acceptor::<Gru>::init::<f64>(&options, &mut rng(0));
    let nobody: [&[usize]; 0] = [];
    let variant = |e: &_| matches!(e, ModelError::EmptyBatch);
    let facts = ["the batch is empty; give at least one sequence"];
    refused(acceptor.classify(&nobody), variant, &facts);
}
