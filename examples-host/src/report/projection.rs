//! Principal components: the plane in which vectors vary most.

use crate::separation::{Vector, difference, dot, sum};
use crate::train::HIDDEN;

type Matrix = [Vector; HIDDEN];

/// The coordinates of vectors, relative to their mean, along their two principal axes.
pub(super) fn project(vectors: &[Vector]) -> Vec<[f64; 2]> {
    let number = vectors.len().max(1) as f64;
    let mean = sum(vectors).map(|sum| sum / number);
    let centred: Vec<Vector> = vectors.iter().map(|vector| difference(vector, &mean)).collect();
    let mut covariance = Matrix::default();
    for vector in &centred {
        for (row, component) in covariance.iter_mut().zip(vector) {
            for (entry, other) in row.iter_mut().zip(vector) {
                *entry += component * other / number;
            }
        }
    }
    let axes = principal_axes(covariance);
    centred.iter().map(|vector| [dot(vector, &axes[0]), dot(vector, &axes[1])]).collect()
}

/// The eigenvectors of a symmetric matrix, those of the largest eigenvalues first, by Jacobi's rotations. Each one's largest
/// component is positive, so that equal matrices have equal axes.
fn principal_axes(mut matrix: Matrix) -> Matrix {
    const SWEEPS: usize = 30;
    // Rows are the axes.
    let mut axes: Matrix = std::array::from_fn(|row| std::array::from_fn(|column| f64::from(u8::from(row == column))));
    for _ in 0..SWEEPS {
        for (p, q) in (0..HIDDEN).flat_map(|q| (0..q).map(move |p| (p, q))) {
            if matrix[p][q] == 0.0 {
                continue;
            }
            let cotangent = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
            let tangent = cotangent.signum() / (cotangent.abs() + (cotangent * cotangent + 1.0).sqrt());
            let cos = 1.0 / (tangent * tangent + 1.0).sqrt();
            let sin = tangent * cos;
            let rotate = |a: &mut f64, b: &mut f64| (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
            for row in &mut matrix {
                let [a, b] = row.get_disjoint_mut([p, q]).expect("two columns");
                rotate(a, b);
            }
            for rows in [&mut matrix, &mut axes] {
                let [first, second] = rows.get_disjoint_mut([p, q]).expect("two rows");
                first.iter_mut().zip(second).for_each(|(a, b)| rotate(a, b));
            }
        }
    }
    let mut order: [usize; HIDDEN] = std::array::from_fn(|axis| axis);
    order.sort_by(|&a, &b| matrix[b][b].total_cmp(&matrix[a][a]));
    order.map(|axis| {
        let largest =
            axes[axis].into_iter().fold(0.0_f64, |l, component| if component.abs() > l.abs() { component } else { l });
        axes[axis].map(|component| component * largest.signum())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_diagonalise_the_matrix() {
        // Symmetric, with entries of no pattern and one eigenvalue far larger than the others.
        let entry = |row: usize, column: usize| ((row * column * 7 + 3 * (row + column)) % 11) as f64 / 11.0;
        let matrix: Matrix = std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column)));
        let axes = principal_axes(matrix);
        let image = |axis: &Vector| -> Vector { std::array::from_fn(|row| dot(&matrix[row], axis)) };
        let mut last = f64::INFINITY;
        for (number, axis) in axes.iter().enumerate() {
            let value = dot(&image(axis), axis);
            assert!(value <= last + 1e-12, "{value} after {last}"); // two are 0 but for rounding
            last = value;
            for (other_number, other) in axes.iter().enumerate() {
                let same = f64::from(u8::from(number == other_number));
                assert!((dot(axis, other) - same).abs() < 1e-12);
                assert!((dot(&image(axis), other) - same * value).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_line_is_projected_on_its_length() {
        let direction: Vector = [0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0];
        let line: Vec<Vector> = (0..5).map(|place| direction.map(|component| component * f64::from(place))).collect();
        for (place, [along, across]) in project(&line).into_iter().enumerate() {
            assert!((along - (place as f64 - 2.0)).abs() < 1e-12 && across.abs() < 1e-12, "{along} {across}");
        }
    }

    #[test]
    fn no_vectors_are_no_points() {
        assert!(project(&[]).is_empty());
    }
}
