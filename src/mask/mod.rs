//! Owns `Mask`: which pixels to repaint, 8-bit coverage, 255 = repaint. Strokes, shapes, growing, feathering. Used by
//! plan, document, app and cli. Must never know a document, a model or a window.
