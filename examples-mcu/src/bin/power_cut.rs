//! Saves weights over and over, while somebody cuts the power; each boot checks what the last one left.
//!
//! Weights are whole if every parameter is the number of their generation.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
fn main() {}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod firmware {
    use defmt::{Display2Format, error, info};
    use scarce_mcu::board::{self, Board};
    use scarce_mcu::{Network, Parameters, Store};

    type Model = Network<1, 8, 2, 0>;
    const SAVES: u32 = 8;

    #[cortex_m_rt::entry]
    fn main() -> ! {
        let Some(board) = Board::take() else { board::exit(1) };
        let mut store = Store::new(board.flash);
        let mut buffer = [0; Store::<board::Flash>::buffer_len::<Model>()];
        let mut generation = match store.load::<1, 8, 2, 0>(&mut buffer) {
            Ok(None) => 0,
            Ok(Some((network, generation))) => {
                if network != of(generation) {
                    error!("the weights of generation {=u32} are not whole", generation);
                    board::exit(1);
                }
                generation
            }
            Err(problem) => {
                // A cut in the very first save.
                info!("{}", Display2Format(&problem));
                0
            }
        };
        info!("boot {=u32}", generation);
        for _ in 0..SAVES {
            generation += 1;
            match store.save(&of(generation), &mut buffer) {
                Ok(saved) if saved == generation => info!("saved {=u32}", generation),
                Ok(saved) => {
                    error!("saved as {=u32}, not {=u32}", saved, generation);
                    board::exit(1);
                }
                Err(problem) => {
                    error!("{}", Display2Format(&problem));
                    board::exit(1);
                }
            }
        }
        board::exit(0)
    }

    fn of(generation: u32) -> Model {
        let mut network = Model::zeros();
        network.parameters_mut().for_each(|parameter| *parameter = generation as f32);
        network
    }
}
