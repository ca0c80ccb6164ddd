//! Tables for spreadsheets (RFC 4180), in which no cell is a formula.

use axum::response::{IntoResponse as _, Response};
use http::header;

/// A table that is being written.
pub(super) struct Csv(String);

impl Csv {
    pub(super) fn with_header<'t>(names: impl IntoIterator<Item = &'t str>) -> Self {
        let mut table = Self(String::new());
        table.row(names);
        table
    }

    pub(super) fn row<'t>(&mut self, cells: impl IntoIterator<Item = &'t str>) {
        for (n, text) in cells.into_iter().enumerate() {
            if n > 0 {
                self.0.push(',');
            }
            self.cell(text);
        }
        self.0.push_str("\r\n");
    }

    fn cell(&mut self, text: &str) {
        // What begins like this, a spreadsheet would run: names come from whoever registered.
        let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        // Some spreadsheets part cells at a semicolon or tab, and would find one that begins in the middle.
        let is_quoted = text.contains(['"', ',', ';', '\t', '\r', '\n']);
        if is_quoted {
            self.0.push('"');
        }
        if is_formula {
            self.0.push('\'');
        }
        for c in text.chars() {
            if c == '"' {
                self.0.push('"');
            }
            self.0.push(c);
        }
        if is_quoted {
            self.0.push('"');
        }
    }

    /// The table as a file that is saved and not shown.
    pub(super) fn into_response(self, disposition: &'static str) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
            (header::CONTENT_DISPOSITION, disposition),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (headers, self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_out() {
        for (text, cell) in [
            ("", ""),
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            (
                "=HYPERLINK(\"http://x\",\"y\")",
                "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"",
            ),
            ("x;=1", "\"x;=1\""),
            ("1=1", "1=1"),
            ("日本", "日本"),
        ] {
            let mut table = Csv::with_header(["name", "n"]);
            table.row([text, "1"]);
            assert_eq!(table.0, format!("name,n\r\n{cell},1\r\n"), "{text:?}");
        }
    }
}
