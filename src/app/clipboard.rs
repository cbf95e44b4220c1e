//! Owns talking to the system's clipboard. Called by `io` on a thread of its own; must never be called by a window's
//! thread, because the program that holds the clipboard may take its time.

use std::borrow::Cow;

use arboard::{Clipboard, Error, ImageData};

use crate::geometry::PixelSize;
use crate::photo::{EncodeOptions, Layout, MAX_PIXELS, Photo, PhotoFormat, Samples, encode_bytes};

/// Offers a photo to other programs as 8-bit sRGB RGBA.
pub fn copy(photo: &Photo) -> Result<PixelSize, String> {
    let size = photo.size;
    let image = ImageData {
        width: size.width as usize,
        height: size.height as usize,
        bytes: Cow::Owned(photo.display_rgba8(size.rect(), 1)),
    };
    let mut clipboard = Clipboard::new().map_err(|error| explain(&error))?;
    clipboard
        .set_image(image)
        .map_err(|error| explain(&error))?;
    keep(clipboard);
    Ok(size)
}

/// The picture in the clipboard as a PNG file's bytes: RGB where nothing is transparent, else RGBA.
pub fn paste() -> Result<Vec<u8>, String> {
    let image = Clipboard::new()
        .and_then(|mut clipboard| clipboard.get_image())
        .map_err(|error| explain(&error))?;
    let photo = pasted(image.width, image.height, image.bytes.into_owned())?;
    let options = EncodeOptions::default();
    encode_bytes(&photo, PhotoFormat::Png, &options)
        .map(|(bytes, _)| bytes)
        .map_err(|error| error.to_string())
}

fn pasted(width: usize, height: usize, rgba: Vec<u8>) -> Result<Photo, String> {
    let side = |v: usize| u32::try_from(v).ok().filter(|v| (1..=65_535).contains(v));
    let size = side(width)
        .zip(side(height))
        .map(|(width, height)| PixelSize::new(width, height))
        .filter(|size| size.area() <= MAX_PIXELS && size.area() as usize * 4 == rgba.len())
        .ok_or("the clipboard's picture is empty, broken or too large")?;
    let is_opaque = rgba.chunks_exact(4).all(|pixel| pixel[3] == 255);
    let (layout, samples) = if is_opaque {
        let rgb = rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]);
        (Layout::Rgb, rgb.collect())
    } else {
        (Layout::Rgba, rgba)
    };
    Ok(Photo {
        layout,
        samples: Samples::U8(samples),
        ..Photo::from_rgb8(size, Vec::new())
    })
}

/// On X11 and Wayland a clipboard lives as long as the program that filled it serves it.
fn keep(clipboard: Clipboard) {
    use std::sync::{Mutex, PoisonError};
    static HELD: Mutex<Option<Clipboard>> = Mutex::new(None);
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(clipboard);
}

fn explain(error: &Error) -> String {
    match error {
        Error::ContentNotAvailable => "there is no picture in the clipboard".to_owned(),
        Error::ClipboardOccupied => {
            "another program is using the clipboard, try again in a moment".to_owned()
        }
        Error::ClipboardNotSupported => "this system has no clipboard for pictures".to_owned(),
        other => format!("the clipboard did not answer: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_picture_is_checked_and_loses_an_idle_alpha_channel() {
        let opaque = pasted(2, 1, vec![1, 2, 3, 255, 4, 5, 6, 255]).expect("a picture");
        assert_eq!(opaque.layout, Layout::Rgb);
        assert_eq!(opaque.samples, Samples::U8(vec![1, 2, 3, 4, 5, 6]));
        let clear = pasted(1, 1, vec![1, 2, 3, 0]).expect("a picture");
        assert_eq!(clear.layout, Layout::Rgba);
        assert!(pasted(2, 2, vec![0; 15]).is_err());
        assert!(pasted(0, 3, Vec::new()).is_err());
        assert!(pasted(usize::MAX, 3, Vec::new()).is_err());
    }
}
