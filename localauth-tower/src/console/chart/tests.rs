use proptest::prelude::*;

use super::*;

fn language() -> &'static Language {
    &Language::all()[0]
}

fn bars(count: usize) -> Vec<Bar> {
    (0..count)
        .map(|n| Bar {
            name: format!("2026-11-{n:02}"),
            short: n.to_string(),
        })
        .collect()
}

fn number(text: &str) -> f64 {
    let number: f64 = text.trim_end_matches('%').parse().unwrap();
    assert!(number.is_finite(), "{text}");
    number
}

fn ticks(most: u64) -> Vec<u64> {
    Scale::up_to(most).ticks().collect()
}

#[test]
fn lines_are_at_round_numbers_and_reach_over_everything() {
    for (most, lines) in [
        (0, vec![0, 1]),
        (1, vec![0, 1]),
        (4, vec![0, 1, 2, 3, 4]),
        (5, vec![0, 2, 4, 6]),
        (9, vec![0, 5, 10]),
        (21, vec![0, 10, 20, 30]),
        (1_234_567, vec![0, 500_000, 1_000_000, 1_500_000]),
    ] {
        assert_eq!(ticks(most), lines, "{most}");
    }
}

#[test]
fn numbers_beside_the_bars_are_short() {
    let texts = [0, 999, 1_000, 1_500, 20_000, 2_000_000, u64::MAX].map(|n| scale::short(n, language()));
    assert_eq!(texts, ["0", "999", "1k", "1.5k", "20k", "2M", "18.4E"]);
    assert_eq!(scale::short(1_500, &Language::all()[1]), "1,5k");
}

#[test]
fn a_phone_has_room_for_the_texts() {
    for count in [0, 1, 2, 7, 24, 30, 31, 48] {
        let drawing = Chart {
            label: String::new(),
            bars: bars(count),
            bands: Vec::new(),
        }
        .draw(language());
        let few = drawing.labels.iter().filter(|label| !label.is_extra).count();
        assert!(few <= FEW_LABELS && drawing.labels.len() <= MANY_LABELS, "{count}");
        assert_eq!(few > 0, count > 0, "{count}");
    }
}

#[test]
fn the_eighth_band_has_the_colour_of_the_others() {
    let bands = (0..9)
        .map(|n| Band {
            name: n.to_string(),
            values: vec![1],
        })
        .collect();
    let drawing = Chart {
        label: String::new(),
        bars: bars(1),
        bands,
    }
    .draw(language());
    let colours: Vec<usize> = drawing.shapes.iter().map(|shapes| shapes.colour).collect();
    assert_eq!(colours, [1, 2, 3, 4, 5, 6, 7, 8, 8]);
}

proptest! {
    #[test]
    fn whatever_is_drawn_adds_up_and_stays_inside(
        count in 0_usize..40,
        bands in prop::collection::vec(
            (".{0,60}", prop::collection::vec(prop_oneof![Just(0), 0_u64..2_000, any::<u64>()], 0..40)),
            0..9,
        ),
    ) {
        let bands: Vec<Band> = bands.into_iter().map(|(name, values)| Band { name, values }).collect();
        let sums: Vec<u64> = (0..count)
            .map(|at| bands.iter().fold(0, |sum: u64, band| sum.saturating_add(band.value(at))))
            .collect();
        let scale = Scale::up_to(sums.iter().copied().max().unwrap_or(0));
        let base = ABOVE + HEIGHT;
        let drawing = Chart { label: "x".to_owned(), bars: bars(count), bands }.draw(language());

        let mut heights = vec![0.0; count];
        for shape in drawing.shapes.iter().flat_map(|shapes| &shapes.parts) {
            let (x, y, width, height) =
                (number(&shape.x), number(&shape.y), number(&shape.width), number(&shape.height));
            prop_assert!(x >= 0.0 && x + width <= 100.0);
            prop_assert!(y >= ABOVE && height >= 0.0 && y + height <= base + 0.05);
            let at = drawing.rows.iter().position(|row| shape.title.starts_with(&row.name)).unwrap();
            heights[at] += height;
        }
        for (at, height) in heights.into_iter().enumerate() {
            prop_assert!((height - (base - scale.y(sums[at]))).abs() < 0.05, "bar {at}: {height}");
            prop_assert_eq!(drawing.rows[at].sum, sums[at]);
        }
        for tick in &drawing.ticks {
            prop_assert!((ABOVE..=base).contains(&number(&tick.y)));
        }
        for label in &drawing.labels {
            prop_assert!((0.0..=100.0).contains(&number(&label.x)));
        }
    }

    #[test]
    fn lines_are_few_round_and_in_order(most in any::<u64>()) {
        let lines = ticks(most);
        prop_assert!((2..=5).contains(&lines.len()));
        prop_assert!(lines.is_sorted() && lines[0] == 0);
        prop_assert!(*lines.last().unwrap() >= most);
        prop_assert!(lines[1].to_string().trim_end_matches('0').len() == 1, "{}", lines[1]);
    }
}
