//! Lines in a plane, and a legend beside them.

use super::Figure;
use super::palette::LINES;
use anyhow::{Context, Result, anyhow};
use image::RgbImage;
use plotters::element::PointCollection;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 680;
/// Where the legend's text begins.
const LEGEND_TEXT: i32 = 42;
/// The font comes with the program: a machine without any can draw, too.
const FONT: &str = "sans-serif";
pub(crate) const TEXT: (&str, u32) = (FONT, 30);

/// Points that a line joins.
pub(crate) type Curve = Vec<(f32, f32)>;

/// What the legend names.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) title: String,
    /// The curve that is drawn thick, with markers.
    pub(crate) curve: Curve,
    /// Curves that are drawn thin, without markers.
    pub(crate) thin: Vec<Curve>,
}

/// One direction of the plane.
pub(crate) struct Axis<'a> {
    pub(crate) title: &'a str,
    pub(crate) range: Range<f32>,
    /// About how many numbers stand at it.
    pub(crate) numbers: usize,
    pub(crate) number: &'a dyn Fn(f32) -> String,
}

/// A picture of lines.
pub(crate) struct Lines<'a> {
    pub(crate) name: &'a str,
    pub(crate) caption: String,
    pub(crate) x: Axis<'a>,
    pub(crate) y: Axis<'a>,
    pub(crate) series: &'a [Series],
    /// Of so many points of a curve one has a marker.
    pub(crate) marked: usize,
}

impl Lines<'_> {
    pub(crate) fn draw(&self) -> Result<Figure> {
        register_the_font()?;
        let mut bytes = vec![0; (3 * WIDTH * HEIGHT) as usize];
        let area = BitMapBackend::with_buffer(&mut bytes, (WIDTH, HEIGHT)).into_drawing_area();
        self.plot(&area).map_err(|error| anyhow!("{}: {error}", self.name))?;
        drop(area);
        let image = RgbImage::from_raw(WIDTH, HEIGHT, bytes);
        let image = image.with_context(|| format!("{}: the picture has not the size it should have", self.name))?;
        Figure::new(self.name, self.caption.clone(), &image)
    }

    fn plot<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, plotters::coord::Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&WHITE)?;
        let text = TEXT.into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
        let widths = self.series.iter().map(|series| area.estimate_text_size(&series.title, &text));
        let legend_width =
            widths.collect::<Result<Vec<_>, _>>()?.into_iter().map(|(width, _)| width).max().unwrap_or(0);
        let (left, right) = area.split_horizontally(WIDTH - LEGEND_TEXT as u32 - legend_width - 10);
        let mut chart = ChartBuilder::on(&left)
            .margin(20)
            .x_label_area_size(70)
            .y_label_area_size(110)
            .build_cartesian_2d(self.x.range.clone(), self.y.range.clone())?;
        chart
            .configure_mesh()
            .x_desc(self.x.title)
            .y_desc(self.y.title)
            .label_style(TEXT)
            .x_labels(self.x.numbers)
            .y_labels(self.y.numbers)
            .x_label_formatter(&|number| (self.x.number)(*number))
            .y_label_formatter(&|number| (self.y.number)(*number))
            .light_line_style(WHITE)
            .draw()?;
        let line_height = 44.min((HEIGHT as usize - 40) / self.series.len().max(1));
        for (number, series) in self.series.iter().enumerate() {
            let style = Style::of(number);
            for curve in &series.thin {
                chart.draw_series(LineSeries::new(curve.iter().copied(), style.color.mix(0.5)))?;
            }
            chart.draw_series(LineSeries::new(series.curve.iter().copied(), style.color.stroke_width(4)))?;
            // Each line's markers are a little further on than those of the line before, which may run below it.
            let first = number * self.marked / self.series.len().max(1);
            let marked = series.curve.iter().skip(first).step_by(self.marked);
            chart.draw_series(marked.map(|&point| style.marker(point)))?;

            let middle = (line_height * number) as i32 + 40;
            right.draw(&style.marker((20, middle)))?;
            right.draw(&Text::new(&*series.title, (LEGEND_TEXT, middle), text.clone()))?;
        }
        area.present()
    }
}

pub(crate) fn register_the_font() -> Result<()> {
    let registered = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    registered.map_err(|_| anyhow!("the font of the charts cannot be read"))
}

/// How a line is drawn: its colour and, for those who see no colours, its marker.
#[derive(Clone, Copy)]
struct Style {
    color: RGBColor,
    marker: usize,
}

impl Style {
    fn of(number: usize) -> Self {
        let [red, green, blue] = LINES[number % LINES.len()];
        Self { color: RGBColor(red, green, blue), marker: number % 4 }
    }

    fn marker<P, B>(self, point: P) -> DynElement<'static, B, P>
    where
        P: Clone + 'static,
        B: DrawingBackend,
        for<'b> &'b Circle<P, i32>: PointCollection<'b, P>,
        for<'b> &'b TriangleMarker<P, i32>: PointCollection<'b, P>,
        for<'b> &'b Cross<P, i32>: PointCollection<'b, P>,
    {
        let line = self.color.stroke_width(3);
        match self.marker {
            0 => Circle::new(point, 7, self.color.filled()).into_dyn(),
            1 => TriangleMarker::new(point, 9, self.color.filled()).into_dyn(),
            2 => Circle::new(point, 7, line).into_dyn(),
            _ => Cross::new(point, 7, line).into_dyn(),
        }
    }
}
