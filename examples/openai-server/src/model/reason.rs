//! Brings what a model runtime says about its failure into one line.

/// The longest reason worth printing, in characters.
const LONGEST: usize = 300;

/// What stands around a reason and says nothing about the model.
const NOISE: [&str; 2] = [
    "called `Result::unwrap()` on an `Err` value: ",
    ". Please raise an issue",
];

/// The first line of a message that may go on with a backtrace.
pub(super) fn one_line(message: &str) -> String {
    let mut lines = message.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty()).unwrap_or("no reason was given");
    let line = NOISE
        .iter()
        .fold(line.to_owned(), |line, noise| line.replace(noise, ""));
    let line: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    line.trim_end_matches(['.', ';', ':', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_one_line() {
        let cases = [
            ("shape mismatch\n   0: candle_core::error", "shape mismatch"),
            ("\n  \n", "no reason was given"),
            (
                "called `Result::unwrap()` on an `Err` value: Error(\"x\")",
                "Error(\"x\")",
            ),
            (
                "Unsupported class `Foo`. Please raise an issue.",
                "Unsupported class `Foo`",
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(one_line(message), expected);
        }
        assert_eq!(one_line(&"ä".repeat(1000)).chars().count(), LONGEST);
    }
}
