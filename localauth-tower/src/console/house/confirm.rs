//! The page between a wish to destroy something and its end, and the one that shows what nobody sees again.

use askama::Template;

use crate::console::frame::Frame;

/// What is about to go, and the button that does it.
#[derive(Template)]
#[template(path = "house/confirm.html")]
pub(crate) struct Confirm<'a> {
    pub(crate) frame: Frame,
    pub(crate) says: String,
    /// What goes and what stays.
    pub(crate) parts: Vec<String>,
    /// Where the form goes.
    pub(crate) action: &'a str,
    /// What it sends along.
    pub(crate) fields: &'a [(&'static str, &'a str)],
    /// The id of the button's text.
    pub(crate) button: &'static str,
    pub(crate) back: &'a str,
    /// What has to be typed to show that it is meant.
    pub(crate) type_this: Option<&'a str>,
}

/// What is shown once.
#[derive(Template)]
#[template(path = "house/once.html")]
pub(crate) struct Once<'a> {
    pub(crate) frame: Frame,
    pub(crate) says: String,
    pub(crate) secrets: &'a [Secret<'a>],
    /// Where to go on, and what the address becomes.
    pub(crate) next: &'a str,
}

/// A secret, and the id of what it is called.
pub(crate) struct Secret<'a> {
    pub(crate) label: &'static str,
    pub(crate) text: &'a str,
}
