//! Series of numbers: CSV, and scales that know the training part only.

use autograd::Tensor;
use proptest::prelude::*;
use rnn::data::{Column, Csv, DataError, NothingToFit, Scaler, Series, SeriesTooShort, sliding};

use super::{at, refused, source};

const WEATHER: &str = "day,temperature,wind\n1,20.5,3\n2, -1e1 ,\"4\"\n";

fn read(text: &str, columns: &[&str]) -> Result<Series<f64>, DataError> {
    Csv::default().read(source(text), columns)
}

fn read_indices(text: &str, header: bool, columns: &[usize]) -> Result<Series<f64>, DataError> {
    Csv { header, ..Csv::default() }.read(source(text), columns)
}

#[test]
fn columns_come_in_the_order_in_which_they_are_chosen() {
    let series = read(WEATHER, &["wind", "temperature"]).unwrap();
    assert_eq!(series.names, ["wind", "temperature"]);
    assert_eq!(series.values, Tensor::from([[3.0, 20.5], [4.0, -10.0]]));
    assert_eq!(read_indices(WEATHER, true, &[2, 1]).unwrap(), series);
    let mixed = [Column::from(2), "temperature".into()];
    assert_eq!(Csv::default().read(source(WEATHER), &mixed).unwrap(), series);
}

#[test]
fn a_byte_order_mark_carriage_returns_and_empty_lines_are_not_data() {
    let series = read(WEATHER, &["day"]).unwrap();
    let other = format!("\u{feff}{}\r\n\r\n", WEATHER.replace('\n', "\r\n"));
    assert_eq!(read(&other, &["day"]).unwrap(), series);
    assert_eq!(read(WEATHER.trim_end(), &["day"]).unwrap(), series);
}

#[test]
fn columns_that_are_not_chosen_may_hold_anything() {
    let text = "note,x\n\"one, two\nthree\",1\n,2\n";
    assert_eq!(read(text, &["x"]).unwrap().values, Tensor::from([[1.0], [2.0]]));
}

#[test]
fn a_file_without_a_header_is_read_by_index() {
    let series = read_indices("1,2\n3,4\n", false, &[1]).unwrap();
    assert_eq!((series.names, series.values), (vec!["1".into()], Tensor::from([[2.0], [4.0]])));
}

#[test]
fn a_header_of_numbers_is_refused_with_advice() {
    refused(
        read_indices("1,2\n3,4\n", true, &[1]),
        DataError::NoHeader { at: at(1, 2), text: "2".into() },
        "data.txt, line 1, column 2: the first line holds the number \"2\" and not a name; \
         read it with `header: false`",
    );
    let years = read("2020,2021\n3,4\n", &["2021"]).unwrap();
    assert_eq!(years.values, Tensor::from([[4.0]]), "a name may be a number");
}

#[test]
fn a_column_that_does_not_exist_is_refused_with_those_that_do() {
    let columns: Vec<String> =
        vec!["0 \"day\"".into(), "1 \"temperature\"".into(), "2 \"wind\"".into()];
    let missing = |wanted: &str, columns: &[String]| DataError::NoColumn {
        file: "data.txt".into(),
        wanted: wanted.into(),
        columns: columns.into(),
    };
    refused(
        read(WEATHER, &["day", "Wind"]),
        missing("\"Wind\"", &columns),
        "data.txt has no column \"Wind\"; it has 0 \"day\", 1 \"temperature\", 2 \"wind\"",
    );
    assert_eq!(read_indices(WEATHER, true, &[3]), Err(missing("3", &columns)));
    refused(
        read_indices("5,6\n", false, &[2]),
        missing("2", &["0".into(), "1".into()]),
        "data.txt has no column 2; it has 0, 1",
    );
}

#[test]
fn a_name_that_two_columns_have_is_refused() {
    let file = "data.txt".to_string();
    refused(
        read("a,b,a\n1,2,3\n", &["a"]),
        DataError::TwoColumns { file, name: "a".into(), first: 0, second: 2 },
        "data.txt has two columns \"a\", 0 and 2; choose by index",
    );
}

#[test]
fn what_is_not_a_finite_number_is_named_with_line_and_column() {
    for text in ["", "warm", "NaN", "inf", "1e999", "1,5"] {
        let file = format!("day,\"temperature\"\n\n1,2\n3,\"{text}\"\n");
        let error =
            DataError::Number { at: at(4, 2), name: "temperature".into(), text: text.into() };
        let sentence = format!(
            "data.txt, line 4, column 2: {text:?} in column \"temperature\" is not a finite number; \
             correct it or leave the line out"
        );
        refused(read(&file, &["temperature"]), error.clone(), &sentence);
        assert_eq!(read(file.trim_end(), &["temperature"]), Err(error), "at the end of the file");
    }
    let too_large = Csv::default().read::<f32>(source("a\n1e39\n"), &["a"]).unwrap_err();
    assert!(matches!(too_large, DataError::Number { .. }), "{too_large}");
}

#[test]
fn a_line_with_other_fields_than_the_first_is_named() {
    let layout = "as many fields as on the first line";
    refused(
        read("a,b\n1,2\n3\n", &["a"]),
        DataError::Fields { at: at(3, 2), found: 1, expected: 2, layout },
        "data.txt, line 3, column 2: expected 2 fields and found 1; \
         write as many fields as on the first line",
    );
    let error = DataError::Fields { at: at(2, 3), found: 3, expected: 2, layout };
    assert_eq!(read("a,b\n1,2,3\n", &["a"]), Err(error));
}

#[test]
fn a_file_without_steps_is_refused() {
    let error = DataError::Empty { file: "data.txt".into(), what: "step" };
    for text in ["", "\n\n", "a,b\n"] {
        assert_eq!(read(text, &["a"]), Err(error.clone()), "{text:?}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_found_by_place_and_offset() {
    let read = Csv::default().read::<f64>(source(b"a,b\n1,\xc3\xa9\xff\n"), &["a"]);
    assert_eq!(read, Err(DataError::NotUtf8 { at: at(2, 4), offset: 8, byte: 0xff }));
}

#[test]
fn a_series_is_split_in_time() {
    let series = read("a\n1\n2\n3\n4\n5\n", &["a"]).unwrap();
    let (train, test) = series.split_at_fraction(0.7);
    assert_eq!(train.values, Tensor::from([[1.0], [2.0], [3.0]]));
    assert_eq!(test.values, Tensor::from([[4.0], [5.0]]));
    assert_eq!(test.names, ["a"]);
}

#[test]
fn a_series_too_short_for_a_window_is_refused() {
    let series = Tensor::<f64>::zeros(&[5, 2]);
    assert!(sliding(&series, 3, 2).is_ok());
    let error = sliding(&series, 4, 2).unwrap_err();
    assert_eq!(error, SeriesTooShort { steps: 5, seq_len: 4, horizon: 2, needed: 6 });
    assert_eq!(
        error.to_string(),
        "the series has 5 steps; a window of 4 with targets 2 later needs 6; use a shorter window"
    );
    assert!(sliding(&series, usize::MAX, 2).is_err());
}

#[test]
fn a_constant_column_is_shifted_and_not_divided() {
    let train = Tensor::from([[3.0, 1.0], [3.0, 2.0]]);
    for scaler in [Scaler::standardise(&train).unwrap(), Scaler::min_max(&train).unwrap()] {
        assert_eq!((scaler.shift.at(&[0]), scaler.divisor.at(&[0])), (3.0, 1.0));
    }
}

#[test]
fn a_scale_needs_at_least_one_row() {
    assert_eq!(Scaler::standardise(&Tensor::<f64>::zeros(&[0, 2])), Err(NothingToFit));
    assert_eq!(Scaler::min_max(&Tensor::<f64>::zeros(&[0, 2])), Err(NothingToFit));
}

#[test]
#[should_panic(expected = "a scaler of 2 columns does not fit [4, 1]")]
fn a_scaler_does_not_broadcast_one_column_over_many() {
    let scaler = Scaler::min_max(&Tensor::<f64>::ones(&[3, 2])).unwrap();
    scaler.invert(&Tensor::zeros(&[4, 1]));
}

proptest! {
    #![proptest_config(tests::config(300, file!()))]

    #[test]
    fn sliding_windows_are_every_run_of_the_series_with_what_comes_later(
        seq_len in 1..6_usize, horizon in 0..4_usize, more in 0..6_usize, features in 1..4_usize,
    ) {
        let steps = seq_len + horizon + more;
        let series = Tensor::from_fn(&[steps, features], |i| i as f64);
        let (xs, targets) = sliding(&series, seq_len, horizon).unwrap();
        prop_assert_eq!(xs.shape(), [seq_len, more + 1, features]);
        prop_assert_eq!(targets.shape(), xs.shape());
        for t in 0..seq_len {
            for n in 0..=more {
                for f in 0..features {
                    prop_assert_eq!(xs.at(&[t, n, f]), series.at(&[n + t, f]));
                    prop_assert_eq!(targets.at(&[t, n, f]), series.at(&[n + t + horizon, f]));
                }
            }
        }
    }

    #[test]
    fn scales_fit_the_training_part_and_go_back(
        (rows, columns, numbers) in (2..9_usize, 1..4_usize).prop_flat_map(|(rows, columns)| {
            (Just(rows), Just(columns), prop::collection::vec(-1e3..1e3_f64, 2 * rows * columns))
        })
    ) {
        let all = Tensor::new(&[2 * rows, columns], numbers);
        let train = all.slice(0, 0, rows);
        let standard = Scaler::standardise(&train).unwrap();
        let range = Scaler::min_max(&train).unwrap();
        for f in 0..columns {
            let of = |scaler: &Scaler<f64>| -> Vec<f64> {
                let scaled = scaler.apply(&train);
                (0..rows).map(|t| scaled.at(&[t, f])).collect()
            };
            let scaled = of(&standard);
            let mean = scaled.iter().sum::<f64>() / rows as f64;
            let variance = scaled.iter().map(|x| x * x).sum::<f64>() / rows as f64 - mean * mean;
            prop_assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-9, "{mean} {variance}");
            let scaled = of(&range);
            let (min, max) = (scaled.iter().fold(9.0, |a: f64, &b| a.min(b)), scaled.iter().fold(-9.0, |a: f64, &b| a.max(b)));
            prop_assert!(min == 0.0 && (max - 1.0).abs() < 1e-12, "{min} {max}");
        }
        for scaler in [standard, range] {
            let back = scaler.invert(&scaler.apply(&all));
            prop_assert!(tests::distance(&back, &all) < 1e-11);
            let last = scaler.columns(&[columns - 1]);
            prop_assert_eq!(last.shift.item(), scaler.shift.at(&[columns - 1]));
        }
    }
}
