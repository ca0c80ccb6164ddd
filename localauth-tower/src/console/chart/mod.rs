//! Stacked bars over time, as SVG and as a table.
//!
//! What lies side by side is placed in percent and what lies one above the other in pixels: the texts keep their size on
//! every screen, and nothing needs a style of its own.

mod scale;

use super::language::Language;
use scale::Scale;

/// How many bands have a colour of their own; the rest is one band more.
pub(crate) const MAX_BANDS: usize = 7;
/// How high the bars can be, in pixels.
const HEIGHT: f64 = 200.0;
/// Room for the topmost number.
const ABOVE: f64 = 12.0;
/// How many texts fit under the bars: on a phone, and elsewhere.
const FEW_LABELS: usize = 4;
const MANY_LABELS: usize = 10;
/// The longest name that is shown beside a bar, in characters.
const MAX_NAME: usize = 40;

/// What is to be drawn.
#[derive(Debug)]
pub(crate) struct Chart {
    /// What it shows, in words.
    pub(crate) label: String,
    /// What stands for each bar.
    pub(crate) bars: Vec<Bar>,
    /// From the bottom up: at most [`MAX_BANDS`], and one for all others.
    pub(crate) bands: Vec<Band>,
}

/// A stretch of time.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    /// In full.
    pub(crate) name: String,
    /// As short as under the bar.
    pub(crate) short: String,
}

/// What is told apart by colour.
#[derive(Debug)]
pub(crate) struct Band {
    pub(crate) name: String,
    /// A value for each bar.
    pub(crate) values: Vec<u64>,
}

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Drawing {
    pub(crate) label: String,
    /// How high everything is.
    pub(crate) height: u32,
    /// Where the bars stand.
    pub(crate) base: String,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) shapes: Vec<Shapes>,
    pub(crate) labels: Vec<Label>,
    /// The same as a table.
    pub(crate) rows: Vec<Row>,
}

/// A line across, and its number.
#[derive(Debug)]
pub(crate) struct Tick {
    pub(crate) y: String,
    pub(crate) text: String,
}

/// All of one band.
#[derive(Debug)]
pub(crate) struct Shapes {
    pub(crate) name: String,
    /// Which colour: `s1` to `s8`.
    pub(crate) colour: usize,
    pub(crate) parts: Vec<Shape>,
}

/// A part of a bar.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) width: String,
    pub(crate) height: String,
    pub(crate) title: String,
}

/// A text under a bar.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) x: String,
    pub(crate) text: String,
    /// Only where there is room.
    pub(crate) is_extra: bool,
}

/// A bar in numbers.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) values: Vec<u64>,
    pub(crate) sum: u64,
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= MAX_NAME {
        return name.to_owned();
    }
    name.chars().take(MAX_NAME - 1).chain(['…']).collect()
}

impl Chart {
    /// Places everything.
    pub(crate) fn draw(self, language: &Language) -> Drawing {
        let rows: Vec<Row> = (self.bars.iter().enumerate())
            .map(|(at, bar)| {
                let values = self.bands.iter().map(|band| band.value(at)).collect::<Vec<_>>();
                let sum = values.iter().fold(0, |sum: u64, value| sum.saturating_add(*value));
                Row {
                    name: bar.name.clone(),
                    values,
                    sum,
                }
            })
            .collect();
        let scale = Scale::up_to(rows.iter().map(|row| row.sum).max().unwrap_or(0));
        let across = Across::of(self.bars.len());
        let mut below = vec![0_u64; self.bars.len()];
        let mut shapes = Vec::with_capacity(self.bands.len());
        for (place, band) in self.bands.iter().enumerate() {
            let name = shortened(&band.name);
            let mut parts = Vec::new();
            for (at, bar) in self.bars.iter().enumerate() {
                let value = band.value(at);
                let (from, to) = (below[at], below[at].saturating_add(value));
                below[at] = to;
                // Both ends are rounded, so that the parts of a bar meet.
                let (bottom, top) = (scale.y(from), scale.y(to));
                if value > 0 {
                    parts.push(Shape {
                        x: across.left(at),
                        y: tenths(top),
                        width: across.width(),
                        height: tenths(bottom - top),
                        title: format!("{} · {name}: {}", bar.name, language.number(value)),
                    });
                }
            }
            shapes.push(Shapes {
                name,
                colour: place.min(MAX_BANDS) + 1,
                parts,
            });
        }
        let ticks = scale.ticks().map(|n| Tick {
            y: tenths(scale.y(n)),
            text: scale::short(n, language),
        });
        Drawing {
            label: self.label,
            height: 240,
            base: tenths(ABOVE + HEIGHT),
            ticks: ticks.collect(),
            shapes,
            labels: labels(&self.bars, &across),
            rows,
        }
    }
}

impl Band {
    fn value(&self, at: usize) -> u64 {
        self.values.get(at).copied().unwrap_or(0)
    }
}

/// Every so many bars one that everybody sees, and between them those for wide screens.
fn labels(bars: &[Bar], across: &Across) -> Vec<Label> {
    let extra = bars.len().div_ceil(MANY_LABELS).max(1);
    let wide = bars.len().div_ceil(FEW_LABELS).max(1).next_multiple_of(extra);
    let shown = bars.iter().enumerate().step_by(extra);
    shown
        .map(|(at, bar)| Label {
            x: across.middle(at),
            text: bar.short.clone(),
            is_extra: at % wide != 0,
        })
        .collect()
}

/// How bars share the width, in percent.
struct Across {
    step: f64,
}

impl Across {
    #[expect(clippy::cast_precision_loss, reason = "a count of bars")]
    fn of(bars: usize) -> Self {
        // One bar alone would be a wall.
        Self {
            step: 100.0 / bars.max(4) as f64,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of bars")]
    fn at(&self, bar: usize, part: f64) -> String {
        format!("{:.2}%", self.step * (bar as f64 + part))
    }

    fn left(&self, bar: usize) -> String {
        self.at(bar, 0.14)
    }

    fn middle(&self, bar: usize) -> String {
        self.at(bar, 0.5)
    }

    fn width(&self) -> String {
        format!("{:.2}%", self.step * 0.72)
    }
}

fn tenths(pixels: f64) -> String {
    format!("{pixels:.1}")
}

#[cfg(test)]
mod tests;
