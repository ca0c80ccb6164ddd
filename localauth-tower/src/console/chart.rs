//! TODO(builder): stacked bars and meters as SVG.
