//! A table of text for people, and where commands write.

use std::io::{self, Write as _};

use anyhow::Context as _;

/// Rows under a head, each column as wide as its widest cell; the last one runs on.
pub fn columns<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|place| {
        let cells = rows.iter().map(|row| row[place].chars().count());
        cells.chain([head[place].len()]).max().unwrap_or(0)
    });
    let mut text = line(head, &widths);
    for row in rows {
        text.push_str(&line(row.each_ref().map(String::as_str), &widths));
    }
    text
}

fn line<const N: usize>(cells: [&str; N], widths: &[usize; N]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
    let line: String = cells.collect();
    format!("{}\n", line.trim_end())
}

/// Writes to standard output, in one piece.
///
/// # Errors
///
/// When it is closed.
pub fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .context("standard output is closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let rows = [
            ["GET".to_owned(), "/é".to_owned(), "x".to_owned()],
            ["DELETE".to_owned(), "/".to_owned(), String::new()],
        ];
        assert_eq!(
            columns(["METHOD", "PATH", "WHO"], &rows),
            "METHOD  PATH  WHO\nGET     /é    x\nDELETE  /\n"
        );
    }
}
