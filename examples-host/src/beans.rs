//! The built-in images: trays of yellow soybeans with now and then a green mung bean.
//!
//! Rendered, not photographed, and always the same. A scene has its own light, tray, mixture of beans and noise. What makes
//! the rare class hard is what makes it hard on a real tray: mung beans lie half under soybeans and in their shadows, and
//! some soybeans have a greenish coat.

use crate::data::{Dataset, Image};
use crate::random::normal;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use scarce_mcu::Shape;
use std::f32::consts::TAU;

const TRAY: u8 = 0;
const SOYBEAN: u8 = 1;
const MUNG_BEAN: u8 = 2;

/// Number of scenes to learn from, and to measure on.
const SCENES: [u64; 2] = [64, 24];
/// The most mung beans of a scene of [`dataset`].
pub const MUNG_BEANS: u32 = 4;
/// Rows and columns of a scene.
const SIZE: usize = 128;
/// A scene is drawn at this multiple of its size and then averaged, as a lens and a sensor do.
const OVERSAMPLING: usize = 2;
const CANVAS: usize = SIZE * OVERSAMPLING;

type Color = [f32; 3];
type Point = [f32; 2];

/// The data set; training and test scenes have different seeds.
#[must_use]
pub fn dataset() -> Dataset {
    dataset_of(MUNG_BEANS)
}

/// The same with up to so many mung beans in a scene, half as many in the mean. Each covers about 0.4 % of its scene.
#[must_use]
pub fn dataset_of(mung_beans: u32) -> Dataset {
    let [train, test] = SCENES;
    let scene = |seed| scene(seed, mung_beans);
    Dataset {
        name: "beans".to_owned(),
        channels: 3,
        classes: ["tray", "soybean", "mung bean"].map(str::to_owned).to_vec(),
        train: (0..train).map(scene).collect(),
        test: (train..train + test).map(scene).collect(),
    }
}

fn scene(seed: u64, mung_beans: u32) -> Image {
    let mut random = Random(Pcg64::seed_from_u64(seed));
    let light = Light::draw(&mut random);
    let mut canvas = Canvas::tray(&mut random);
    for bean in scatter(mung_beans, &mut random) {
        canvas.cast_shadow(&bean, &light);
        canvas.draw(&bean, &light, &mut random);
    }
    let (bytes, labels) = canvas.expose(&light, &mut random);
    Image { name: format!("scene {seed}"), shape: Shape::new(SIZE, SIZE), bytes, labels }
}

/// A source of random numbers.
struct Random(Pcg64);

impl Random {
    fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0.random_range(low..high)
    }

    fn chance(&mut self, probability: f32) -> bool {
        self.0.random::<f32>() < probability
    }

    fn direction(&mut self) -> Point {
        let angle = self.between(0.0, TAU);
        [libm::cosf(angle), libm::sinf(angle)]
    }

    fn normal(&mut self) -> f32 {
        normal(&mut self.0)
    }

    /// A color near another one: lighter or darker, and each channel a little off.
    fn near(&mut self, color: Color, brightness: f32, tint: f32) -> Color {
        let factor = 1.0 + self.between(-brightness, brightness);
        color.map(|channel| channel * factor * (1.0 + self.between(-tint, tint)))
    }
}

/// What shines on a scene, and how the camera takes it.
struct Light {
    /// Unit vector to the lamp; z points to the camera.
    direction: [f32; 3],
    ambient: f32,
    /// Which side is brighter, and by how much.
    gradient: Point,
    exposure: Color,
    noise: f32,
}

impl Light {
    fn draw(random: &mut Random) -> Self {
        let [x, y] = random.direction();
        let elevation = random.between(0.6, 1.1);
        let (side, height) = (libm::cosf(elevation), libm::sinf(elevation));
        let slope = random.between(0.0, 0.25);
        Self {
            direction: [x * side, y * side, height],
            ambient: random.between(0.3, 0.5),
            gradient: random.direction().map(|component| component * slope),
            exposure: random.near([0.95; 3], 0.25, 0.08),
            noise: random.between(0.015, 0.035),
        }
    }

    /// Diffuse and glossy part of the light that a surface with this unit normal sends to the camera.
    fn reflect(&self, [nx, ny, nz]: [f32; 3]) -> (f32, f32) {
        let [x, y, z] = self.direction;
        let facing = (nx * x + ny * y + nz * z).max(0.0);
        let mirrored = (2.0 * facing * nz - z).max(0.0);
        let gloss = mirrored * mirrored * mirrored * mirrored;
        (self.ambient + (1.0 - self.ambient) * facing, gloss * gloss * gloss)
    }
}

/// An ellipsoid on the tray, as high as it is broad. Lengths are in points of the canvas.
struct Bean {
    class: u8,
    center: Point,
    radii: Point,
    /// Cosine and sine of the angle of the long axis.
    axis: Point,
    color: Color,
    /// The scar where the bean hung in its pod, if it is on the visible side: its place within the unit circle.
    hilum: Option<Point>,
    hilum_color: Color,
}

impl Bean {
    fn soybean(random: &mut Random) -> Self {
        let color = if random.chance(0.1) { [0.68, 0.66, 0.36] } else { [0.82, 0.68, 0.40] };
        let length = random.between(6.0, 8.5);
        let color = random.near(color, 0.15, 0.06);
        Self::of_class(SOYBEAN, length, random.between(0.82, 0.98), color, [0.45, 0.30, 0.18], random)
    }

    fn mung_bean(random: &mut Random) -> Self {
        let length = random.between(4.8, 6.2);
        let color = random.near([0.42, 0.50, 0.21], 0.18, 0.08);
        Self::of_class(MUNG_BEAN, length, random.between(0.70, 0.85), color, [0.80, 0.80, 0.70], random)
    }

    /// A bean of this half length in pixels of the image, this breadth as a part of it, and any place and direction.
    fn of_class(class: u8, length: f32, breadth: f32, color: Color, hilum_color: Color, random: &mut Random) -> Self {
        let length = length * OVERSAMPLING as f32;
        let far = random.between(0.3, 0.8);
        Self {
            class,
            center: [random.between(0.0, CANVAS as f32), random.between(0.0, CANVAS as f32)],
            radii: [length, length * breadth],
            axis: random.direction(),
            color,
            hilum: random.chance(0.4).then(|| random.direction().map(|component| component * far)),
            hilum_color,
        }
    }

    /// Whether two beans would lie more on than beside each other.
    fn collides(&self, other: &Self) -> bool {
        let [x, y] = [self.center[0] - other.center[0], self.center[1] - other.center[1]];
        let reach = 0.75 * (self.radii[1] + other.radii[1]);
        x * x + y * y < reach * reach
    }

    /// A point relative to the center, in units of the radii: inside the unit circle it is on the bean.
    fn local(&self, [x, y]: Point) -> Point {
        let ([cos, sin], [long, short]) = (self.axis, self.radii);
        let [x, y] = [x - self.center[0], y - self.center[1]];
        [(x * cos + y * sin) / long, (y * cos - x * sin) / short]
    }

    /// The unit normal of the surface at a local point.
    fn normal(&self, [u, v]: Point) -> [f32; 3] {
        let ([cos, sin], [long, short]) = (self.axis, self.radii);
        let [along, across, up] = [u / long, v / short, (1.0 - u * u - v * v).max(0.0).sqrt() / short];
        let length = (along * along + across * across + up * up).sqrt();
        [along * cos - across * sin, along * sin + across * cos, up].map(|component| component / length)
    }
}

/// Beans in the order in which they fell, later ones on top; up to so many are mung beans.
fn scatter(mung_beans: u32, random: &mut Random) -> Vec<Bean> {
    const TRIES: usize = 20;
    let soybeans = random.0.random_range(60..110_u32);
    let mung_beans = random.0.random_range(0..=mung_beans);
    let mut beans: Vec<Bean> = Vec::new();
    for number in 0..soybeans + mung_beans {
        for _ in 0..TRIES {
            let bean = if number < mung_beans { Bean::mung_bean(random) } else { Bean::soybean(random) };
            if !beans.iter().any(|other| bean.collides(other)) {
                beans.push(bean);
                break;
            }
        }
    }
    // Mung beans were placed first, so that a full tray does not keep them out; any bean may lie on top.
    for last in (1..beans.len()).rev() {
        let other = random.0.random_range(0..=last);
        beans.swap(last, other);
    }
    beans
}

/// The scene in the making: color and class of each point.
struct Canvas {
    colors: Vec<Color>,
    classes: Vec<u8>,
}

impl Canvas {
    /// An empty wooden tray: grain along one direction.
    fn tray(random: &mut Random) -> Self {
        let wood = random.near([0.50, 0.42, 0.34], 0.3, 0.1);
        let [across, along] = random.direction();
        let wavelength = random.between(8.0, 24.0);
        let contrast = random.between(0.03, 0.12);
        let mut colors = Vec::with_capacity(CANVAS * CANVAS);
        for y in 0..CANVAS {
            for x in 0..CANVAS {
                let distance = x as f32 * across + y as f32 * along;
                let bend = 2.0 * libm::sinf(0.02 * (y as f32 * across - x as f32 * along));
                let grain = libm::sinf(TAU * distance / wavelength + bend) + 0.5 * random.normal();
                colors.push(wood.map(|channel| channel * (1.0 + contrast * grain)));
            }
        }
        Self { colors, classes: vec![TRAY; CANVAS * CANVAS] }
    }

    /// The points within reach of a place, and their indices.
    fn around([x, y]: Point, reach: f32) -> impl Iterator<Item = (usize, Point)> {
        let range = move |center: f32| {
            let end = (center + reach).max(0.0) as usize + 1;
            (center - reach).max(0.0) as usize..end.min(CANVAS)
        };
        range(y).flat_map(move |row| {
            range(x).map(move |column| (row * CANVAS + column, [column as f32 + 0.5, row as f32 + 0.5]))
        })
    }

    /// Darkens what lies behind a bean, seen from the lamp: wholly in the middle, softly at the edge.
    fn cast_shadow(&mut self, bean: &Bean, light: &Light) {
        let [x, y, z] = light.direction;
        let offset = 0.7 * bean.radii[1] / z;
        let center = [bean.center[0] - x * offset, bean.center[1] - y * offset];
        for (index, [x, y]) in Self::around(center, 1.4 * bean.radii[0]) {
            let [u, v] = bean.local([x - center[0] + bean.center[0], y - center[1] + bean.center[1]]);
            let depth = (1.4 - (u * u + v * v).sqrt()).clamp(0.0, 0.6) / 0.6;
            let shade = 1.0 - (1.0 - light.ambient) * 0.8 * depth;
            self.colors[index] = self.colors[index].map(|channel| channel * shade);
        }
    }

    fn draw(&mut self, bean: &Bean, light: &Light, random: &mut Random) {
        for (index, point) in Self::around(bean.center, bean.radii[0]) {
            let [u, v] = bean.local(point);
            if u * u + v * v > 1.0 {
                continue;
            }
            let scarred = bean.hilum.is_some_and(|[hu, hv]| {
                let [du, dv] = [(u - hu) / 0.35, (v - hv) / 0.15];
                du * du + dv * dv < 1.0
            });
            let coat = if scarred { bean.hilum_color } else { bean.color };
            let mottle = 1.0 + 0.04 * random.normal();
            let (diffuse, gloss) = light.reflect(bean.normal([u, v]));
            self.colors[index] = coat.map(|channel| channel * mottle * diffuse + 0.25 * gloss);
            self.classes[index] = bean.class;
        }
    }

    /// The picture that the camera takes, and the class of most points of each pixel: of as many, the rarer one.
    fn expose(&self, light: &Light, random: &mut Random) -> (Vec<u8>, Vec<u8>) {
        let (mut bytes, mut labels) = (Vec::with_capacity(3 * SIZE * SIZE), Vec::with_capacity(SIZE * SIZE));
        for y in 0..SIZE {
            for x in 0..SIZE {
                let (mut sum, mut votes) = ([0.0; 3], [0_usize; 3]);
                for row in OVERSAMPLING * y..OVERSAMPLING * (y + 1) {
                    for index in row * CANVAS + OVERSAMPLING * x..row * CANVAS + OVERSAMPLING * (x + 1) {
                        sum = std::array::from_fn(|channel| sum[channel] + self.colors[index][channel]);
                        votes[usize::from(self.classes[index])] += 1;
                    }
                }
                let [gx, gy] = light.gradient;
                let middle = |position: usize| 2.0 * position as f32 / SIZE as f32 - 1.0;
                let brightness = (1.0 + gx * middle(x) + gy * middle(y)) / (OVERSAMPLING * OVERSAMPLING) as f32;
                for (channel, exposure) in sum.into_iter().zip(light.exposure) {
                    let value = channel * brightness * exposure + light.noise * random.normal();
                    bytes.push((255.0 * value.clamp(0.0, 1.0) + 0.5) as u8);
                }
                labels.push((TRAY..=MUNG_BEAN).max_by_key(|&class| votes[usize::from(class)]).unwrap_or(TRAY));
            }
        }
        (bytes, labels)
    }
}
