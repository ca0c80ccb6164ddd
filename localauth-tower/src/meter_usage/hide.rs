//! What the inspector of requests says about `stream_options.include_usage`, in the extensions of a request.

/// The client did not ask for usage, and the model server is asked all the same: the chunk that carries only that is
/// not for the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HideUsage;

/// The client asked for usage itself: it gets that chunk also where an answer is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShowUsage;
