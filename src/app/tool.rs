//! Owns the list of tools, with what menus and tooltips say of each. Chosen by a command, read by the window.

/// What the pointer does on the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tool {
    #[default]
    Brush,
    Eraser,
    Rectangle,
    Ellipse,
    Lasso,
    Polygon,
    Wand,
    Object,
    /// Paint, let go, gone.
    Erase,
    Pan,
}

impl Tool {
    pub const ALL: [Self; 10] = [
        Self::Brush,
        Self::Eraser,
        Self::Rectangle,
        Self::Ellipse,
        Self::Lasso,
        Self::Polygon,
        Self::Wand,
        Self::Object,
        Self::Erase,
        Self::Pan,
    ];

    /// The tools that mark a shape or what they find, rather than paint.
    pub fn selects(self) -> bool {
        !matches!(self, Self::Brush | Self::Eraser | Self::Erase | Self::Pan)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Brush => "Brush",
            Self::Eraser => "Mask eraser",
            Self::Rectangle => "Rectangle",
            Self::Ellipse => "Ellipse",
            Self::Lasso => "Lasso",
            Self::Polygon => "Polygon lasso",
            Self::Wand => "Magic wand",
            Self::Object => "Object select",
            Self::Erase => "Erase",
            Self::Pan => "Pan",
        }
    }

    pub fn tooltip(self) -> &'static str {
        match self {
            Self::Brush => "Paint over what should go or change",
            Self::Eraser => "Unpaint",
            Self::Rectangle => {
                "Drag a rectangle (Shift adds, Alt takes away, both keep what is common)"
            }
            Self::Ellipse => {
                "Drag an ellipse (Shift adds, Alt takes away, both keep what is common)"
            }
            Self::Lasso => "Draw around something freely",
            Self::Polygon => {
                "Click corner by corner; Enter or a double click closes, Backspace takes a corner back"
            }
            Self::Wand => "Click a colour to mark what has it",
            Self::Object => {
                "Draw a stroke inside something to mark all of it; draw outside (right button or Alt) to correct"
            }
            Self::Erase => "Paint over something and let go: it is gone (no model needed)",
            Self::Pan => "Move the view (also: hold Space, or the middle button)",
        }
    }
}
