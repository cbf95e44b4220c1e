//! Holds the window's parts apart where there is hardly room for them.

use eframe::egui::vec2;
use egui_kittest::kittest::Queryable;

use crate::kit::Bench;

#[test]
fn a_tiny_window_keeps_panel_and_canvas_apart() {
    for size in [vec2(640.0, 400.0), vec2(450.0, 300.0)] {
        let mut bench = Bench::sized(size, 2.0);
        bench.harness.run();
        let canvas = bench.harness.get_by_label_contains("Canvas: ").rect();
        let foot = bench.harness.get_by_label("Generate").rect();
        assert!(
            canvas.right() <= foot.left(),
            "{size:?}: the canvas {canvas:?} lies over Generate {foot:?}"
        );
        assert!(
            foot.right() <= size.x && foot.bottom() <= size.y,
            "{foot:?}"
        );
        assert!(
            canvas.width() > 60.0 && canvas.height() > 100.0,
            "{canvas:?}"
        );
    }
}
