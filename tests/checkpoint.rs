//! Checkpoints: what comes back is what was saved, to the bit, and all else is refused in a sentence.

use autograd::{Params, Tensor};
use rnn::checkpoint::{Checkpoint, CheckpointError, Number};
use rnn::{LanguageModel, Linear, Lstm, Stack, StackOptions};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tests::{refused, rng};

type Model<E> = Linear<Tensor<E>>;

fn model<E: Number>() -> Model<E> {
    let weight = [0.1, -0.0, f64::from(f32::MIN_POSITIVE) / 8.0, 3e38, -1e-30, 7.25];
    let weight = weight.map(E::from_f64).to_vec();
    Linear {
        weight: Tensor::new(&[2, 3], weight),
        bias: Tensor::from([1.0, -2.0].map(E::from_f64)),
    }
}

fn checkpoint<E: Number>() -> Checkpoint<E> {
    let mut checkpoint = Checkpoint::of(&model::<E>()).expect("it is finite");
    checkpoint.insert("cell", "gru");
    checkpoint.insert("chars", "a\n\"é🙂 \"crc32\":\"01234567\"");
    checkpoint
}

fn saved() -> Vec<u8> {
    checkpoint::<f32>().to_bytes().expect("it is small")
}

fn load(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::from_bytes("x", bytes)
}

/// A file that another program might have written.
fn foreign(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Vec<u8> {
    let views = tensors.iter().map(|&(name, dtype, shape, data)| {
        (name, TensorView::new(dtype, shape.to_vec(), data).expect("the length fits"))
    });
    safetensors::serialize(views, None).expect("it is small")
}

fn le(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn damaged(error: &CheckpointError) -> bool {
    matches!(error, CheckpointError::Damaged { .. })
}

fn a_round_trip_keeps_every_bit<E: Number>() {
    let bytes = checkpoint::<E>().to_bytes().expect("it is small");
    let loaded = Checkpoint::<E>::from_bytes("x", &bytes).expect("it is whole");
    assert_eq!(loaded.metadata("cell"), Ok("gru"));
    assert_eq!(loaded.metadata("chars"), checkpoint::<E>().metadata("chars"));
    let back = loaded.into_params(&model::<E>().zeros_like()).expect("it fits");
    let bits = |model: &Model<E>| -> Vec<u64> {
        model.leaves().iter().flat_map(|leaf| leaf.data()).map(|x| x.value().to_bits()).collect()
    };
    assert_eq!(bits(&back), bits(&model::<E>()));
}

#[test]
fn a_round_trip_keeps_every_bit_of_f32() {
    a_round_trip_keeps_every_bit::<f32>();
}

#[test]
fn a_round_trip_keeps_every_bit_of_f64() {
    a_round_trip_keeps_every_bit::<f64>();
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let first = saved();
    for _ in 0..20 {
        assert_eq!(saved(), first);
    }
    assert_eq!(load(&first).expect("it is whole").to_bytes(), Ok(first));
}

#[test]
fn a_model_only_file_holds_exactly_what_pytorch_names() {
    let lstm = Stack::<Lstm>::init::<f32>(&StackOptions::new(3, 4), &mut rng(0));
    let lstm = LanguageModel::<Lstm, Tensor<f32>> {
        embedding: None,
        rnn: lstm,
        head: Linear::init(4, 2, &mut rng(1)),
    };
    let bytes = Checkpoint::of(&lstm).and_then(|all| all.to_bytes()).expect("it is finite");
    let file = SafeTensors::deserialize(&bytes).expect("other programs read it");
    let mut tensors: Vec<_> = file
        .iter()
        .map(|(name, view)| (name.to_string(), view.dtype(), view.shape().to_vec()))
        .collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let of = |name: &str, shape: &[usize]| (name.to_string(), Dtype::F32, shape.to_vec());
    let wanted = [
        of("head.bias", &[2]),
        of("head.weight", &[2, 4]),
        of("rnn.bias_hh_l0", &[16]),
        of("rnn.bias_ih_l0", &[16]),
        of("rnn.weight_hh_l0", &[16, 4]),
        of("rnn.weight_ih_l0", &[16, 3]),
    ];
    assert_eq!(tensors, wanted);
    let bias = file.tensor("head.bias").expect("it is there");
    assert_eq!(bias.data(), le(lstm.head.bias.data()));
}

#[test]
fn other_programs_find_the_metadata_and_an_aligned_header() {
    let bytes = saved();
    let (n, header) = SafeTensors::read_metadata(&bytes).expect("it is whole");
    assert_eq!(header.metadata().as_ref().expect("there are metadata")["cell"], "gru");
    assert_eq!(n % 8, 0);
}

#[test]
fn every_change_of_one_byte_to_any_other_is_refused() {
    let mut bytes = saved();
    let mut changes = 0;
    for i in 0..bytes.len() {
        let original = bytes[i];
        for changed in (0..=255).filter(|&byte| byte != original) {
            bytes[i] = changed;
            match load(&bytes) {
                Err(CheckpointError::Damaged { .. }) => changes += 1,
                other => panic!("byte {i} as {changed:#04x}: {other:?}"),
            }
        }
        bytes[i] = original;
    }
    assert_eq!(changes, 255 * bytes.len());
    assert!(load(&bytes).is_ok());
}

#[test]
fn every_truncation_is_refused() {
    let bytes = saved();
    for len in 0..bytes.len() {
        refused(load(&bytes[..len]), damaged, &["x", "damaged", "not a whole safetensors file"]);
    }
}

#[test]
fn more_or_exchanged_bytes_are_refused() {
    refused(load(&[saved(), vec![0]].concat()), damaged, &["not a whole"]);
    let mut bytes = saved();
    let data = bytes.len() - 32;
    bytes[data..].rotate_left(4);
    refused(load(&bytes), damaged, &["does not match its check sum"]);
}

#[test]
fn a_file_of_another_program_loads_without_a_sum() {
    let bytes = foreign(&[
        ("bias", Dtype::F32, &[2], &le(&[1.0, -2.0])),
        ("weight", Dtype::F32, &[2, 3], &le(model::<f32>().weight.data())),
    ]);
    let loaded = load(&bytes).expect("it is whole");
    assert_eq!(loaded.into_params(&model::<f32>().zeros_like()), Ok(model()));
}

#[test]
fn all_differences_from_the_model_are_listed_at_once() {
    let bytes = foreign(&[
        ("weight", Dtype::F32, &[3, 2], &le(&[0.0; 6])),
        ("offset", Dtype::F32, &[2], &le(&[0.0; 2])),
    ]);
    let variant = |e: &CheckpointError| matches!(e, CheckpointError::Differs { .. });
    let facts = [
        "x does not fit the model",
        "\"weight\" has shape [3, 2] instead of [2, 3]",
        "\"bias\" [2] is missing",
        "\"offset\" [2] is unexpected",
        "build the model that was saved",
    ];
    refused(load(&bytes).and_then(|all| all.into_params(&model::<f32>())), variant, &facts);
}

#[test]
fn a_file_of_another_dtype_is_refused_by_name() {
    let variant = |e: &CheckpointError| matches!(e, CheckpointError::Dtype { .. });
    let double = checkpoint::<f64>().to_bytes().expect("it is small");
    refused(load(&double), variant, &["x", "\"bias\"", "as F64", "not as F32"]);
    let single = Checkpoint::<f64>::from_bytes("x", &saved());
    refused(single, variant, &["x", "\"bias\"", "as F32", "not as F64"]);
    for (dtype, size, name) in
        [(Dtype::F16, 2, "F16"), (Dtype::BF16, 2, "BF16"), (Dtype::I64, 8, "I64")]
    {
        let data = vec![0; size];
        refused(load(&foreign(&[("weight", dtype, &[1], &data)])), variant, &["\"weight\"", name]);
    }
}

#[test]
fn damage_is_reported_before_a_wrong_dtype() {
    let mut double = checkpoint::<f64>().to_bytes().expect("it is small");
    *double.last_mut().expect("it is not empty") ^= 1;
    refused(load(&double), damaged, &["check sum"]);
}

#[test]
fn numbers_that_are_not_finite_are_neither_loaded_nor_saved() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let bytes = foreign(&[("bias", Dtype::F32, &[2], &le(&[0.0, value]))]);
        let variant = |e: &CheckpointError| matches!(e, CheckpointError::LoadNotFinite { .. });
        refused(load(&bytes), variant, &["x", "\"bias\"", &value.to_string()]);

        let mut diverged = model();
        diverged.bias.data_mut()[1] = value;
        let variant = |e: &CheckpointError| matches!(e, CheckpointError::SaveNotFinite { .. });
        refused(Checkpoint::of(&diverged), variant, &["\"bias\"", &value.to_string(), "diverged"]);
    }
}

#[test]
fn a_tensor_with_too_many_axes_is_named() {
    let variant = |e: &CheckpointError| matches!(e, CheckpointError::Axes { .. });
    let bytes = foreign(&[("bias", Dtype::F32, &[1; 7], &le(&[0.0]))]);
    refused(load(&bytes), variant, &["\"bias\"", "[1, 1, 1, 1, 1, 1, 1]", "6 axes"]);
}

#[test]
fn headers_that_promise_what_is_not_there_are_refused() {
    let header =
        |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &[0; 8]].concat();
    for json in [
        "",
        "[]",
        "{",
        r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"__metadata__":{"writer":"rnn"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
    ] {
        refused(load(&header(json)), damaged, &["x", "damaged"]);
    }
    for n in [u64::MAX, u64::MAX - 7, 1 << 40, 9] {
        refused(load(&[&n.to_le_bytes()[..], b"{}"].concat()), damaged, &["not a whole"]);
    }
    assert!(load(&header(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#)).is_ok());
}

#[test]
fn two_tensors_of_one_name_are_not_saved() {
    let mut all = checkpoint::<f32>();
    let variant = |e: &CheckpointError| matches!(e, CheckpointError::SameName { .. });
    refused(all.insert_params("", &model()), variant, &["\"weight\"", "two tensors"]);
    assert_eq!(all.insert_params("teacher", &model()), Ok(()));
    assert!(all.tensors().contains_key("teacher.weight"));
}

#[test]
fn a_part_is_taken_out_by_its_whole_name() {
    let mut all = checkpoint::<f32>();
    all.insert_params("old.1", &model()).expect("the names are new");
    all.insert_params("old.10", &model()).expect("the names are new");
    let template = model::<f32>().zeros_like();
    assert_eq!(all.take_params("old.1", &template), Ok(model()));
    let variant = |e: &CheckpointError| matches!(e, CheckpointError::Differs { .. });
    refused(all.take_params("old.1", &template), variant, &["\"old.1.weight\" [2, 3] is missing"]);
    let left = all.clone().into_params(&template);
    refused(left, variant, &["\"old.10.bias\" [2] is unexpected"]);
    assert_eq!(all.take_tensors("old.10").len(), 2);
    assert_eq!(all.into_params(&template), Ok(model()));
}

#[test]
fn metadata_that_are_missing_or_of_another_kind_are_named() {
    let mut all = load(&saved()).expect("it is whole");
    let missing = |e: &CheckpointError| matches!(e, CheckpointError::NoMetadata { .. });
    refused(all.metadata("layers").map(str::len), missing, &["x", "\"layers\""]);
    refused(all.parse::<usize>("layers"), missing, &["\"layers\""]);
    let other = |e: &CheckpointError| matches!(e, CheckpointError::BadMetadata { .. });
    refused(all.parse::<usize>("cell"), other, &["x", "\"cell\"", "\"gru\"", "usize"]);
    for number in [0.1, 1e300, f64::MIN_POSITIVE / 4.0, f64::INFINITY] {
        all.insert("number", number);
        assert_eq!(all.parse("number"), Ok(number));
    }
}

#[test]
#[should_panic(expected = "the metadata key \"crc32\" is reserved")]
fn a_reserved_metadata_key_panics_with_a_sentence() {
    checkpoint::<f32>().insert("crc32", "");
}
