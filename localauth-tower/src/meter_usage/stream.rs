//! A stream of events as it passes: by frames while nothing has to be kept from the client, else by whole events.

use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};

use super::budget::{Account, Grant};
use super::dialect::Marks;
use super::events::{Event, EventTap, Tally};

/// As much of an event is kept back until it is whole. A longer one passes unseen.
pub(super) const MAX_HELD_BYTES: usize = 64 * 1024;

/// Reads a stream, and lets out of it what may go.
///
/// Frames are put in with [`push`](Self::push) and come out of [`poll_next`](Self::poll_next). Nothing is copied but an
/// event that is kept back because it goes over several frames.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "no two of them exclude each other")]
pub(super) struct Stream {
    tap: EventTap,
    /// Whether the chunk that carries only usage is kept from the client.
    hides: bool,
    /// What is left of the present frame.
    rest: Bytes,
    /// The beginning of the present event, from earlier frames, when it is kept back.
    held: BytesMut,
    /// Whether the beginning of the present event has passed.
    is_within: bool,
    /// Whether the event before was kept from the client.
    hid: bool,
    /// The event that is next, whole.
    next: Option<Next>,
    /// What has gone out.
    sent: Sent,
    /// Whether the last event has gone out.
    is_over: bool,
}

/// What has gone out of a stream, or will have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) tally: Tally,
    pub(super) marks: Marks,
}

#[derive(Debug)]
struct Next {
    /// How much of it stands in the present frame.
    len: usize,
    event: Event,
    /// What will have gone out with it.
    sent: Sent,
    verdict: Option<Verdict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Hide,
    Cut,
}

/// What comes out of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// Nothing before the next frame is put in.
    Nothing,
    /// This goes to the client.
    Piece(Bytes),
    /// The next event must not go out: the stream ends here.
    Cut,
}

impl Stream {
    pub(super) fn new(tap: EventTap, hides: bool) -> Self {
        Self {
            tap,
            hides,
            rest: Bytes::new(),
            held: BytesMut::new(),
            is_within: false,
            hid: false,
            next: None,
            sent: Sent::default(),
            is_over: false,
        }
    }

    pub(super) const fn tap(&self) -> &EventTap {
        &self.tap
    }

    /// What has gone out.
    pub(super) const fn sent(&self) -> &Sent {
        &self.sent
    }

    /// What a stream came to that ends here. An event that only tells what the others used is told, though it is kept back.
    pub(super) fn tally(&self) -> Tally {
        match &self.next {
            Some(next) if next.event.document.counted && next.event.document.text_bytes == 0 => next.sent.tally,
            _ => self.sent.tally,
        }
    }

    /// What would have gone out with the event that is kept back.
    pub(super) fn next(&self) -> Option<&Sent> {
        self.next.as_ref().map(|next| &next.sent)
    }

    /// Whether the last event has gone out, and with it all that was put in.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether the client has only the beginning of the present event.
    pub(super) const fn is_within(&self) -> bool {
        self.is_within
    }

    /// Whether all that was put in has come out.
    pub(super) fn is_idle(&self) -> bool {
        self.rest.is_empty() && self.held.is_empty() && self.next.is_none()
    }

    /// Bytes that are kept back.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Puts in the next frame, when nothing more comes out.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.rest = frame;
    }

    /// There is no further frame: what is kept back is all there is of its event.
    pub(super) fn end(&mut self) {
        if !self.held.is_empty() {
            let event = self.tap.end_event();
            self.found(0, event);
        }
    }

    /// What goes out next. Events are kept back until they are whole where `holds` says so, or somebody has a say in them.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        mut account: Option<&mut Account>,
        holds: bool,
    ) -> Poll<Out> {
        let holds = holds || self.hides || account.is_some();
        // So much of the frame goes out as it is.
        let mut pass = 0;
        let mut releases = false;
        loop {
            if self.next.is_none() {
                let bytes = self.rest.get(pass..).unwrap_or_default();
                if bytes.is_empty() || self.is_over {
                    break;
                }
                if self.tap.is_tail(bytes) {
                    self.tap.read(b"\n");
                    if self.hid {
                        self.rest.advance(1);
                    } else {
                        pass += 1;
                    }
                    continue;
                }
                let (len, event) = self.tap.read(bytes);
                let Some(event) = event else {
                    if !self.keeps(pass, holds) {
                        releases = true;
                        pass = self.rest.len();
                    }
                    break;
                };
                self.found(len, event);
            }
            let Some(verdict) = self.verdict(cx, account.as_deref_mut()) else {
                if pass == 0 {
                    return Poll::Pending;
                }
                break;
            };
            if pass > 0 && verdict != Verdict::Pass {
                break;
            }
            if verdict == Verdict::Cut {
                return Poll::Ready(Out::Cut);
            }
            let Some(next) = self.next.take() else { break };
            self.sent = next.sent;
            self.hid = verdict == Verdict::Hide;
            if self.hid {
                self.held.clear();
                self.rest.advance(next.len);
                continue;
            }
            self.is_within = false;
            self.is_over = next.event.is_last;
            pass += next.len;
            if !self.held.is_empty() {
                releases = true;
                break;
            }
        }
        // After the last event nothing has to be looked at.
        let frame = self.rest.split_to(if self.is_over { self.rest.len() } else { pass });
        Poll::Ready(if releases && !self.held.is_empty() {
            self.held.extend_from_slice(&frame);
            Out::Piece(self.held.split().freeze())
        } else if frame.is_empty() {
            Out::Nothing
        } else {
            Out::Piece(frame)
        })
    }

    /// An event is whole.
    fn found(&mut self, len: usize, event: Event) {
        let marks = self.sent.marks.after(&event.document, self.tap.is_lines());
        let tally = self.tap.tally();
        self.next = Some(Next {
            len,
            event,
            sent: Sent { tally, marks },
            verdict: None,
        });
    }

    /// What is to become of the next event; `None` while nobody knows.
    fn verdict(&mut self, cx: &mut Context<'_>, account: Option<&mut Account>) -> Option<Verdict> {
        let next = self.next.as_mut()?;
        if next.verdict.is_none() {
            let document = &next.event.document;
            // What the model server counted is asked for too: it may be more than was seen go by.
            let account = account.filter(|_| document.text_bytes > 0 || document.counted);
            let granted = match account {
                Some(account) if !self.is_within => account.poll_grant(cx, next.sent.tally.written()),
                _ => Poll::Ready(Grant::Pass),
            };
            next.verdict = match granted {
                Poll::Ready(Grant::Pass) if self.hides && !self.is_within && document.is_usage_alone() => {
                    Some(Verdict::Hide)
                }
                Poll::Ready(Grant::Pass) => Some(Verdict::Pass),
                Poll::Ready(Grant::Cut) => Some(Verdict::Cut),
                Poll::Pending => None,
            };
        }
        next.verdict
    }

    /// The frame ends within an event: whether its beginning, after `pass` bytes that go out, is kept back.
    fn keeps(&mut self, pass: usize, holds: bool) -> bool {
        let is_last = self.tap.is_last();
        let document = self.tap.told().document();
        // Nobody has a say in a last word that says nothing: the client need not wait for its line's end.
        let is_free = is_last && document.text_bytes == 0 && !document.counted && !document.is_usage_alone();
        let beginning = self.rest.len() - pass;
        if holds && !self.is_within && !is_free && self.held.len() + beginning <= MAX_HELD_BYTES {
            self.held.extend_from_slice(&self.rest.split_off(pass));
            return true;
        }
        self.is_within = true;
        self.hid = false;
        self.is_over = is_last;
        self.sent.tally = self.tap.tally();
        false
    }
}
