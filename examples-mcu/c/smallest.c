/* A firmware with cross entropy alone; with -DEMPTY with nothing, so that the difference is the flash that it takes. It is
   linked, not run. */
#include "scarce.h"

enum { PIXELS = 64, CLASSES = 4 };

float logits[PIXELS * CLASSES];
float gradient[PIXELS * CLASSES];
uint8_t labels[PIXELS];
volatile float loss;
volatile size_t pixels = PIXELS;

int main(void);

int main(void)
{
    float value = 0.0f;
#ifndef EMPTY
    const struct scarce_batch batch = {
        .logits = logits, .labels = labels, .pixels = pixels, .classes = CLASSES, .images = 1,
    };
    if (scarce_cross_entropy_value_and_grad(&batch, NULL, gradient, &value, NULL) != SCARCE_STATUS_OK)
        return 1;
#endif
    loss = value;
    return 0;
}
