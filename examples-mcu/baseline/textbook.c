/* The losses as a careful firmware developer writes them from the papers: single precision, the C library's functions
   and sort, and no trick. Pixel-major; the mean over all pixels or present classes. Nothing is checked. */
#include "textbook.h"
#include <math.h>
#include <stdlib.h>

enum { MOST_CLASSES = 32 };

/* Leaves the exponentials in `out`, and returns their sum. */
static float exponentials(const float *row, float largest, float *out, int classes)
{
    float sum = 0.0f;
    for (int c = 0; c < classes; c++) {
        out[c] = expf(row[c] - largest);
        sum += out[c];
    }
    return sum;
}

static float largest_of(const float *row, int classes)
{
    float largest = row[0];
    for (int c = 1; c < classes; c++)
        if (row[c] > largest)
            largest = row[c];
    return largest;
}

float textbook_cross_entropy(const float *logits, const uint8_t *labels, float *gradient, int pixels, int classes)
{
    const float scale = 1.0f / (float)pixels;
    float loss = 0.0f;
    for (int p = 0; p < pixels; p++) {
        const int label = labels[p];
        const float largest = largest_of(logits, classes);
        const float sum = exponentials(logits, largest, gradient, classes);
        loss += logf(sum) + largest - logits[label];
        for (int c = 0; c < classes; c++)
            gradient[c] = scale * (gradient[c] / sum - (c == label ? 1.0f : 0.0f));
        logits += classes;
        gradient += classes;
    }
    return loss * scale;
}

/* With the exponent 2. */
float textbook_focal(const float *logits, const uint8_t *labels, float *gradient, int pixels, int classes)
{
    const float scale = 1.0f / (float)pixels;
    float loss = 0.0f;
    for (int p = 0; p < pixels; p++) {
        const int label = labels[p];
        const float largest = largest_of(logits, classes);
        const float sum = exponentials(logits, largest, gradient, classes);
        const float log_probability = logits[label] - largest - logf(sum);
        const float probability = gradient[label] / sum;
        const float miss = 1.0f - probability;
        loss -= miss * miss * log_probability;
        const float slope = scale * miss * (2.0f * probability * log_probability - miss);
        for (int c = 0; c < classes; c++)
            gradient[c] = slope * ((c == label ? 1.0f : 0.0f) - gradient[c] / sum);
        logits += classes;
        gradient += classes;
    }
    return loss * scale;
}

static void softmax(const float *logits, float *probabilities, int pixels, int classes)
{
    for (int p = 0; p < pixels; p++) {
        const float sum = exponentials(logits, largest_of(logits, classes), probabilities, classes);
        for (int c = 0; c < classes; c++)
            probabilities[c] /= sum;
        logits += classes;
        probabilities += classes;
    }
}

/* From the gradient with respect to probabilities to that with respect to logits. */
static void through_softmax(const float *probabilities, float *gradient, int pixels, int classes)
{
    for (int p = 0; p < pixels; p++) {
        float mean = 0.0f;
        for (int c = 0; c < classes; c++)
            mean += probabilities[c] * gradient[c];
        for (int c = 0; c < classes; c++)
            gradient[c] = probabilities[c] * (gradient[c] - mean);
        probabilities += classes;
        gradient += classes;
    }
}

/* Smoothed by 1. */
float textbook_dice(const float *logits, const uint8_t *labels, float *gradient, float *probabilities, int pixels,
                    int classes)
{
    const float smoothing = 1.0f;
    float intersections[MOST_CLASSES] = {0}, sizes[MOST_CLASSES] = {0};
    float miss[MOST_CLASSES], hit[MOST_CLASSES]; /* slopes where the class is not the label, and where it is */
    float loss = 0.0f;
    softmax(logits, probabilities, pixels, classes);
    for (int p = 0; p < pixels; p++) {
        const float *row = probabilities + p * classes;
        for (int c = 0; c < classes; c++)
            sizes[c] += row[c];
        intersections[labels[p]] += row[labels[p]];
        sizes[labels[p]] += 1.0f;
    }
    for (int c = 0; c < classes; c++) {
        const float numerator = 2.0f * intersections[c] + smoothing, denominator = sizes[c] + smoothing;
        loss += 1.0f - numerator / denominator;
        miss[c] = numerator / (denominator * denominator * (float)classes);
        hit[c] = miss[c] - 2.0f / (denominator * (float)classes);
    }
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < classes; c++)
            gradient[p * classes + c] = labels[p] == c ? hit[c] : miss[c];
    through_softmax(probabilities, gradient, pixels, classes);
    return loss / (float)classes;
}

static int largest_first(const void *a, const void *b)
{
    const float x = ((const struct pixel_error *)a)->error, y = ((const struct pixel_error *)b)->error;
    return (x < y) - (x > y);
}

void textbook_sort(struct pixel_error *errors, int number)
{
    qsort(errors, (size_t)number, sizeof *errors, largest_first);
}

float textbook_lovasz(const float *logits, const uint8_t *labels, float *gradient, float *probabilities,
                      struct pixel_error *errors, int pixels, int classes)
{
    float loss = 0.0f;
    int present = 0;
    softmax(logits, probabilities, pixels, classes);
    for (int i = 0; i < pixels * classes; i++)
        gradient[i] = 0.0f;
    for (int c = 0; c < classes; c++) {
        int foreground = 0;
        for (int p = 0; p < pixels; p++)
            foreground += labels[p] == c;
        if (foreground == 0)
            continue;
        present++;
        for (int p = 0; p < pixels; p++) {
            errors[p].error = fabsf((labels[p] == c ? 1.0f : 0.0f) - probabilities[p * classes + c]);
            errors[p].pixel = (uint32_t)p;
        }
        textbook_sort(errors, pixels);
        float hits = 0.0f, others = 0.0f, previous = 0.0f;
        for (int k = 0; k < pixels; k++) {
            const uint32_t p = errors[k].pixel;
            const int is_foreground = labels[p] == c;
            if (is_foreground)
                hits += 1.0f;
            else
                others += 1.0f;
            const float jaccard = 1.0f - ((float)foreground - hits) / ((float)foreground + others);
            const float increment = jaccard - previous;
            previous = jaccard;
            loss += errors[k].error * increment;
            gradient[(int)p * classes + c] = is_foreground ? -increment : increment;
        }
    }
    const float scale = present > 0 ? 1.0f / (float)present : 0.0f;
    for (int i = 0; i < pixels * classes; i++)
        gradient[i] *= scale;
    through_softmax(probabilities, gradient, pixels, classes);
    return loss * scale;
}

void textbook_exp(const float *arguments, float *values, int number)
{
    for (int i = 0; i < number; i++)
        values[i] = expf(arguments[i]);
}
