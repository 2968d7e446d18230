#ifndef TEXTBOOK_H
#define TEXTBOOK_H
#include <stdint.h>

/* An error, and the pixel that makes it. */
struct pixel_error {
    float error;
    uint32_t pixel;
};

float textbook_cross_entropy(const float *logits, const uint8_t *labels, float *gradient, int pixels, int classes);
float textbook_focal(const float *logits, const uint8_t *labels, float *gradient, int pixels, int classes);
float textbook_dice(const float *logits, const uint8_t *labels, float *gradient, float *probabilities, int pixels,
                    int classes);
float textbook_lovasz(const float *logits, const uint8_t *labels, float *gradient, float *probabilities,
                      struct pixel_error *errors, int pixels, int classes);
void textbook_sort(struct pixel_error *errors, int number);
void textbook_exp(const float *arguments, float *values, int number);

#endif
