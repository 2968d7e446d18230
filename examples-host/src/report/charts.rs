//! Learning curves.

use super::Figure;
use super::palette::LINES;
use crate::experiment::{Experiment, LossRuns};
use crate::train::Outcome;
use anyhow::{Result, anyhow, ensure};
use image::RgbImage;
use plotters::element::PointCollection;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const WIDTH: u32 = 1000;
const LEGEND_WIDTH: u32 = 290;
const HEIGHT: u32 = 680;
/// The font comes with the program: a machine without any can draw, too.
const FONT: &str = "sans-serif";
pub(super) const TEXT: (&str, u32) = (FONT, 30);

/// A step, and a value there.
type Curve = Vec<(f32, f32)>;

/// The rare class's IoU on the test images, and the training loss, against the step.
pub(super) fn draw(experiment: &Experiment) -> Result<Vec<Figure>> {
    register_font_of_charts()?;
    let rare = experiment.rare_class;
    let iou = Chart {
        name: "rare-iou.png",
        caption: format!("IoU of {} on the test images while training", experiment.classes[rare]),
        vertical: "IoU of the rare class",
        curve: &|outcome| outcome.curve.iter().map(|p| (p.step as f32, p.iou[rare].unwrap_or(0.0))).collect(),
    };
    let loss = Chart {
        name: "training-loss.png",
        caption:
            "Training loss while training, as a part of its mean over the first steps: compare shapes, not heights"
                .to_owned(),
        vertical: "training loss / first",
        curve: &relative_loss,
    };
    [iou, loss].iter().map(|chart| chart.draw(experiment)).collect()
}

pub(super) fn register_font_of_charts() -> Result<()> {
    let registered = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    registered.map_err(|_| anyhow!("the font of the charts cannot be read"))
}

/// The training loss relative to its first value: losses have different scales.
fn relative_loss(outcome: &Outcome) -> Curve {
    let first = outcome.curve.first().map_or(1.0, |point| point.training_loss);
    outcome.curve.iter().map(|point| (point.step as f32, point.training_loss / first)).collect()
}

struct Chart<'a> {
    name: &'a str,
    caption: String,
    vertical: &'a str,
    curve: &'a dyn Fn(&Outcome) -> Curve,
}

impl Chart<'_> {
    fn draw(&self, experiment: &Experiment) -> Result<Figure> {
        let mut bytes = vec![0; (3 * WIDTH * HEIGHT) as usize];
        let area = BitMapBackend::with_buffer(&mut bytes, (WIDTH, HEIGHT)).into_drawing_area();
        self.plot(&area, experiment).map_err(|error| anyhow!("{}: {error}", self.name))?;
        drop(area);
        let image = RgbImage::from_raw(WIDTH, HEIGHT, bytes);
        ensure!(image.is_some(), "{}: the picture has not the size it should have", self.name);
        Figure::new(self.name, self.caption.clone(), &image.unwrap_or_default())
    }

    fn plot<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, plotters::coord::Shift>,
        experiment: &Experiment,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&WHITE)?;
        let (left, right) = area.split_horizontally(WIDTH - LEGEND_WIDTH);
        let outcomes = experiment.losses.iter().flat_map(|loss| &loss.outcomes);
        let highest = outcomes.flat_map(self.curve).map(|(_, value)| value).fold(0.1, f32::max);
        let mut chart = ChartBuilder::on(&left)
            .margin(20)
            .x_label_area_size(70)
            .y_label_area_size(100)
            .build_cartesian_2d(0.0..experiment.steps as f32, 0.0..1.05 * highest)?;
        chart
            .configure_mesh()
            .x_desc("step")
            .y_desc(self.vertical)
            .label_style(TEXT)
            .x_label_formatter(&|step| format!("{step:.0}"))
            .y_label_formatter(&|value| format!("{value:.2}"))
            .light_line_style(WHITE)
            .draw()?;
        let line_height = 44.min((HEIGHT as usize - 40) / experiment.losses.len().max(1));
        for (number, loss) in experiment.losses.iter().enumerate() {
            let style = Style::of(number);
            if loss.outcomes.len() > 1 {
                for outcome in &loss.outcomes {
                    chart.draw_series(LineSeries::new((self.curve)(outcome), style.color.mix(0.5)))?;
                }
            }
            let mean = self.mean(loss);
            chart.draw_series(LineSeries::new(mean.clone(), style.color.stroke_width(4)))?;
            chart.draw_series(mean.into_iter().map(|point| style.marker(point)))?;

            let middle = (line_height * number) as i32 + 40;
            right.draw(&style.marker((20, middle)))?;
            let position = Pos::new(HPos::Left, VPos::Center);
            right.draw(&Text::new(loss.title, (42, middle), TEXT.into_text_style(&right).pos(position)))?;
        }
        area.present()
    }

    /// The mean of the curves of all seeds.
    fn mean(&self, loss: &LossRuns) -> Curve {
        let curves: Vec<Curve> = loss.outcomes.iter().map(self.curve).collect();
        let steps = curves.first().map_or(0, Vec::len);
        let mean_at = |point: usize| {
            let sum: f32 = curves.iter().map(|curve| curve[point].1).sum();
            (curves[0][point].0, sum / curves.len() as f32)
        };
        (0..steps).map(mean_at).collect()
    }
}

/// How a loss is drawn: its colour and, for those who see no colours, its marker.
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
