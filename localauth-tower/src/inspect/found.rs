//! What a body was found to ask for, and where in it that stands.

use std::ops::Range;

use localauth_core::Denial;

use super::fields::{ALL_FIELDS, Field, LIMITS};

/// What a body asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) model: Option<Box<str>>,
    /// The model by its older field.
    pub(super) name: Option<Box<str>>,
    /// Where in the body the model stands, by either field: its value in JSON and in parts, the whole pair in a form.
    pub(super) model_at: [Option<Range<usize>>; 2],
    pub(super) stream: bool,
    /// How many answers.
    pub(super) choices: u32,
    pub(super) includes_usage: bool,
    /// Whether the request has a name of its client's choice.
    pub(super) names_itself: bool,
    amounts: [Option<Amount>; LIMITS.len()],
    /// Where it stands, if the body can be edited.
    pub(super) layout: Option<Layout>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            model: None,
            name: None,
            model_at: [None, None],
            stream: false,
            choices: 1,
            includes_usage: false,
            names_itself: false,
            amounts: [None; LIMITS.len()],
            layout: None,
        }
    }
}

/// How many tokens may be written at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    /// As if nothing had been said.
    Null,
    Unlimited,
    Tokens(u64),
}

/// The most answers to one request, as OpenAI has it: a model server makes room for all of them at once.
const MOST_ANSWERS: u32 = 128;

impl Found {
    /// Notes that so many answers are asked for. Of several numbers the largest counts.
    ///
    /// # Errors
    ///
    /// [`Denial::TooManyAnswers`].
    pub(super) fn ask_for(&mut self, answers: u32) -> Result<(), Denial> {
        if answers > MOST_ANSWERS {
            return Err(Denial::TooManyAnswers);
        }
        self.choices = self.choices.max(answers);
        Ok(())
    }

    /// Notes a limit. Under two names it must be the same one: which name counts depends on the reader.
    ///
    /// # Errors
    ///
    /// [`Denial::AmbiguousRequest`].
    pub(super) fn limit(&mut self, field: Field, amount: Amount) -> Result<(), Denial> {
        let told = |amount: &&Amount| **amount != Amount::Null;
        if amount != Amount::Null && self.amounts.iter().flatten().filter(told).any(|other| *other != amount) {
            return Err(Denial::AmbiguousRequest);
        }
        if let Some(place) = LIMITS.iter().position(|limit| *limit == field) {
            self.amounts[place] = Some(amount);
        }
        Ok(())
    }

    /// The one number of tokens that was said, under whatever name.
    pub(super) fn tokens(&self) -> Option<u64> {
        self.amounts.iter().flatten().find_map(|amount| match amount {
            Amount::Tokens(tokens) => Some(*tokens),
            Amount::Null | Amount::Unlimited => None,
        })
    }

    /// What was said under a name.
    pub(super) fn amount(&self, field: Field) -> Option<Amount> {
        let place = LIMITS.iter().position(|limit| *limit == field)?;
        self.amounts[place]
    }
}

/// Where in a JSON object it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where the first field stands, or would.
    pub(super) start: usize,
    pub(super) is_empty: bool,
    spans: [Range<usize>; ALL_FIELDS],
    /// `stream_options.include_usage`.
    pub(super) usage: Inside,
    /// `options.num_predict`.
    pub(super) options: Inside,
}

/// Where a field of an object within stands, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inside {
    /// There is no such object.
    Nowhere,
    /// It is null.
    Null(Range<usize>),
    /// It begins here, without the field; whether it is empty.
    Without(usize, bool),
    /// It has the field, with a value that stands here.
    At(Range<usize>),
}

impl Layout {
    pub(super) fn of_object(start: usize, is_empty: bool) -> Self {
        Self {
            start,
            is_empty,
            spans: std::array::from_fn(|_| 0..0),
            usage: Inside::Nowhere,
            options: Inside::Nowhere,
        }
    }

    pub(super) fn limit(&mut self, field: Field, span: Range<usize>) {
        self.spans[field as usize] = span;
    }

    pub(super) fn span(&self, field: Field) -> Range<usize> {
        self.spans[field as usize].clone()
    }
}
