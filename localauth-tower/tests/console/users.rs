//! TODO(builder)
