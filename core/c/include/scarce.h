/* The losses of scarce, for C99 and later.
   Written by cbindgen from core/c/src: SCARCE_HEADER=write cargo test -p scarce-c --features header --test header

   Every function but those that return defaults or lengths returns one of enum scarce_status. Unless that is
   SCARCE_STATUS_OK, nothing has been written but the struct scarce_error, which may be NULL. Options may be NULL: the
   defaults. Any other pointer to something may be NULL only where there is nothing: no pixels, no scratch. What is written
   (grad, scratch) overlaps nothing else. What scratch holds is irrelevant. During a call nobody else, be it a thread, an
   interrupt or DMA, writes what is read, nor reads or writes what is written (grad, scratch, loss, error). */

#ifndef SCARCE_H
#define SCARCE_H

#include <stddef.h>
#include <stdint.h>

/* Words of scratch, for static arrays: what the functions of the same names return. On hosts the fast sort takes more for
   many pixels. */
#if defined(__arm__) || (defined(__riscv) && __riscv_xlen == 32)
#define SCARCE_SORT_SCRATCH_LEN_TO_WRITE(pixels) ((size_t)256 + 2 * (size_t)(pixels))
#else
#define SCARCE_SORT_SCRATCH_LEN_TO_WRITE(pixels) ((size_t)((pixels) > 12031 ? 12288 : 256) + 2 * (size_t)(pixels))
#endif
#define SCARCE_HEAP_SCRATCH_LEN_TO_WRITE(pixels) ((size_t)((pixels) > 65536 ? 2 : 1) * (size_t)(pixels))

#define SCARCE_LOVASZ_SCRATCH_LEN(pixels) ((size_t)256 + 5 * (size_t)(pixels))
#define SCARCE_LOVASZ_SCRATCH_LEN_TO_WRITE(pixels) SCARCE_SORT_SCRATCH_LEN_TO_WRITE(pixels)
#define SCARCE_LOVASZ_HEAP_SCRATCH_LEN(pixels) (3 * (size_t)(pixels))
#define SCARCE_LOVASZ_HEAP_SCRATCH_LEN_TO_WRITE(pixels) SCARCE_HEAP_SCRATCH_LEN_TO_WRITE(pixels)
#define SCARCE_LOVASZ_HINGE_SCRATCH_LEN(pixels) ((size_t)256 + 3 * (size_t)(pixels))
#define SCARCE_LOVASZ_HINGE_SCRATCH_LEN_TO_WRITE(pixels) SCARCE_SORT_SCRATCH_LEN_TO_WRITE(pixels)
#define SCARCE_LOVASZ_HINGE_HEAP_SCRATCH_LEN(pixels) (2 * (size_t)(pixels))
#define SCARCE_LOVASZ_HINGE_HEAP_SCRATCH_LEN_TO_WRITE(pixels) SCARCE_HEAP_SCRATCH_LEN_TO_WRITE(pixels)
#define SCARCE_CROSS_ENTROPY_LOVASZ_SCRATCH_LEN(pixels) SCARCE_LOVASZ_SCRATCH_LEN(pixels)
#define SCARCE_CROSS_ENTROPY_LOVASZ_SCRATCH_LEN_TO_WRITE(pixels) SCARCE_LOVASZ_SCRATCH_LEN_TO_WRITE(pixels)
#define SCARCE_OHEM_SCRATCH_LEN(pixels) ((size_t)256 + (size_t)(pixels))
#define SCARCE_PIXEL_CONTRAST_SCRATCH_LEN(anchors) ((size_t)256 + 4 * (size_t)(anchors))

// What every function returns, as an `int32_t`. Whatever is not `SCARCE_STATUS_OK` is an error: nothing has been written but
// the `struct scarce_error`, if one was given.
enum scarce_status {
  // Done.
  SCARCE_STATUS_OK = 0,
  // A buffer has the wrong length: `buffer`, `needed`, `got`.
  SCARCE_STATUS_LENGTH = 1,
  // A label is neither a class nor the ignored one: `index` is the first such pixel, `label` its label.
  SCARCE_STATUS_LABEL = 2,
  // A score of a pixel that is not ignored is NaN or infinite: `index` is the first such pixel, or the image.
  SCARCE_STATUS_NON_FINITE = 3,
  // An embedding is NaN, larger than 1e12 in a component, or too short to be normalised: `index`.
  SCARCE_STATUS_EMBEDDING = 4,
  // An anchor is not the index of an embedding, or of an ignored one: `index` is its place in the list.
  SCARCE_STATUS_ANCHOR = 5,
  // A score was to be a probability: `index`. No function here takes probabilities.
  SCARCE_STATUS_PROBABILITY = 6,
  // The pixels (`got`) cannot be divided into so many images (`needed`).
  SCARCE_STATUS_IMAGES = 7,
  // More than 2^32 - 1 pixels.
  SCARCE_STATUS_TOO_MANY_PIXELS = 8,
  // Tiles have been settled. No function here takes tiles.
  SCARCE_STATUS_SETTLED = 9,
  // Tiles are yet to be settled. No function here takes tiles.
  SCARCE_STATUS_UNSETTLED = 10,
  // A parameter is NaN or outside its domain: `parameter`.
  SCARCE_STATUS_PARAMETER = 11,
  // The library refuses, for a reason that this interface has no name for.
  SCARCE_STATUS_OTHER = 12,
  // A pointer is NULL: `buffer`.
  SCARCE_STATUS_NULL = 32,
  // A pointer is not aligned for what it points to: `buffer`.
  SCARCE_STATUS_MISALIGNED = 33,
  // A buffer that is to be written, `buffer`, overlaps another.
  SCARCE_STATUS_OVERLAP = 34,
  // A buffer would be larger than an object can be: `buffer`.
  SCARCE_STATUS_TOO_LONG = 35,
  // The library was not built for this number of classes or dimensions (`SCARCE_CLASSES`, `SCARCE_DIMENSIONS`), or this
  // loss is not defined for it: `got`.
  SCARCE_STATUS_NOT_BUILT = 36,
  // A field that holds one of an enumeration holds something else: `got`.
  SCARCE_STATUS_ENUMERATOR = 37,
  // The library was not built for this layout (its features `rows` and `planes`): `got`.
  SCARCE_STATUS_LAYOUT_NOT_BUILT = 38,
};

// What a pointer points to.
enum scarce_buffer {
  // None is meant.
  SCARCE_BUFFER_NONE = 0,
  // The scores.
  SCARCE_BUFFER_LOGITS = 1,
  // The class of each pixel.
  SCARCE_BUFFER_LABELS = 2,
  // The gradient.
  SCARCE_BUFFER_GRAD = 3,
  // Working memory.
  SCARCE_BUFFER_SCRATCH = 4,
  // Indices of embeddings.
  SCARCE_BUFFER_ANCHORS = 5,
  // Embeddings.
  SCARCE_BUFFER_EMBEDDINGS = 6,
  // The struct that holds the data: batch, presence or embeddings.
  SCARCE_BUFFER_DATA = 7,
  // The struct that holds the options.
  SCARCE_BUFFER_OPTIONS = 8,
  // An array of a number for each class among the options.
  SCARCE_BUFFER_CLASS_OPTIONS = 9,
  // Where the loss is written.
  SCARCE_BUFFER_LOSS = 10,
  // One that this interface has no name for.
  SCARCE_BUFFER_OTHER = 11,
};

// A parameter that is checked; its domain.
enum scarce_parameter {
  // None is meant.
  SCARCE_PARAMETER_NONE = 0,
  // A weight: 0, or in 1e-12 to 1e12.
  SCARCE_PARAMETER_WEIGHT = 1,
  // The weight of a term of a sum: in -1e12 to 1e12.
  SCARCE_PARAMETER_TERM_WEIGHT = 2,
  // The weight of the positive label: 0, or in 1e-12 to 1e12.
  SCARCE_PARAMETER_POS_WEIGHT = 3,
  // The label smoothing: in 0 to 1.
  SCARCE_PARAMETER_LABEL_SMOOTHING = 4,
  // An addend of the logits: in -1e12 to 1e12.
  SCARCE_PARAMETER_LOGIT_ADJUSTMENT = 5,
  // The divisor of the sum: in 1e-12 to 1e12.
  SCARCE_PARAMETER_DIVISOR = 6,
  // A focusing exponent: in 0 to 1e12.
  SCARCE_PARAMETER_GAMMA = 7,
  // The balance of a focal loss: 0, or in 1e-12 to 1e12; on a sigmoid, in 0 to 1.
  SCARCE_PARAMETER_ALPHA = 8,
  // The weights of false positives and negatives: 0, or in 1e-12 to 1e12.
  SCARCE_PARAMETER_FALSE_WEIGHT = 9,
  // A smoothing constant: 0, or in 1e-12 to 1e12.
  SCARCE_PARAMETER_SMOOTHING = 10,
  // The threshold of hard example mining: in 0 to 1, of a loss in 0 to 1e12.
  SCARCE_PARAMETER_THRESH = 11,
  // The share of pixels to keep: in 0 to 1.
  SCARCE_PARAMETER_MIN_KEPT = 12,
  // A temperature: in 1e-6 to 1e6.
  SCARCE_PARAMETER_TEMPERATURE = 13,
  // The number of pairs.
  SCARCE_PARAMETER_PAIRS = 14,
  // The factor of the gradient: in -1e12 to 1e12.
  SCARCE_PARAMETER_SCALE = 15,
  // The scale of quantised numbers. No function here takes any.
  SCARCE_PARAMETER_QUANTIZATION_SCALE = 16,
  // One that this interface has no name for.
  SCARCE_PARAMETER_OTHER = 17,
};

// Where the scores of a pixel lie. The gradient lies in the same way.
enum scarce_layout {
  // Side by side: `[pixels][classes]`.
  SCARCE_LAYOUT_ROWS = 0,
  // In planes: `[images][classes][pixels / images]`, as PyTorch's NCHW.
  SCARCE_LAYOUT_PLANES = 1,
};

// What the sum over pixels is divided by. If that is 0, the loss and its gradient are 0.
enum scarce_reduction {
  // The weights of the pixels that are not ignored, as PyTorch.
  SCARCE_REDUCTION_MEAN = 0,
  // The number of pixels that are not ignored.
  SCARCE_REDUCTION_MEAN_VALID = 1,
  // The number of all pixels.
  SCARCE_REDUCTION_MEAN_ALL = 2,
  // The number of all scores.
  SCARCE_REDUCTION_MEAN_ALL_ELEMENTS = 3,
  // The number of pixels whose label is not 0, at least 1.
  SCARCE_REDUCTION_POSITIVES = 4,
  // The number in the field `divisor`.
  SCARCE_REDUCTION_DIVISOR = 5,
  // Nothing: the plain sum.
  SCARCE_REDUCTION_SUM = 6,
};

// An index of overlap: of true positives TP, false positives FP, false negatives FN.
enum scarce_index {
  // (2 TP + s_n) / (2 TP + FP + FN + s_d).
  SCARCE_INDEX_DICE = 0,
  // (TP + s_n) / (TP + FP + FN + s_d).
  SCARCE_INDEX_JACCARD = 1,
  // (TP + s_n) / (TP + alpha FP + beta FN + s_d).
  SCARCE_INDEX_TVERSKY = 2,
};

// How an index x becomes a loss.
enum scarce_form {
  // 1 - x.
  SCARCE_FORM_LINEAR = 0,
  // -ln x.
  SCARCE_FORM_LOG = 1,
  // (1 - x)^gamma: focal Tversky.
  SCARCE_FORM_FOCAL = 2,
};

// What becomes of a class without a true pixel.
enum scarce_absent {
  // It counts.
  SCARCE_ABSENT_COUNT = 0,
  // It is left out of the mean over classes.
  SCARCE_ABSENT_SKIP = 1,
  // Its loss is 0, and it counts in the mean.
  SCARCE_ABSENT_ZERO = 2,
};

// The weight of each class in one index over all classes, by its number of true pixels V.
enum scarce_volume_weights {
  // No such weight: an index for each class.
  SCARCE_VOLUME_WEIGHTS_NONE = 0,
  // 1/V.
  SCARCE_VOLUME_WEIGHTS_SIMPLE = 1,
  // 1/V^2: generalised Dice, which has no smoothing.
  SCARCE_VOLUME_WEIGHTS_SQUARE = 2,
};

// The classes that a Lovasz loss is averaged over.
enum scarce_classes {
  // Those with a true pixel.
  SCARCE_CLASSES_PRESENT = 0,
  // All.
  SCARCE_CLASSES_ALL = 1,
};

// Which pixels are kept, and what their sum is divided by; p is the probability of a pixel's label, l its loss.
enum scarce_ohem_rule {
  // p below the threshold, at least so many; divided by their weights.
  SCARCE_OHEM_RULE_STRICT = 0,
  // As PaddleSeg's OhemCrossEntropyLoss, to the letter.
  SCARCE_OHEM_RULE_PADDLE = 1,
  // As HRNet's, mmsegmentation's and ContrastiveSeg's OhemCrossEntropy.
  SCARCE_OHEM_RULE_HRNET = 2,
  // The share of all pixels with the largest loss, as nnU-Net's TopKLoss. There is no threshold.
  SCARCE_OHEM_RULE_TOP_K = 3,
  // l above the threshold, at least so many: bootstrapped cross entropy.
  SCARCE_OHEM_RULE_LOSS_THRESHOLD = 4,
};

// How it is said how many pixels are kept at least.
enum scarce_min_kept {
  // As a share of all pixels: `min_kept_fraction`.
  SCARCE_MIN_KEPT_FRACTION = 0,
  // As a number of pixels: `min_kept_pixels`.
  SCARCE_MIN_KEPT_PIXELS = 1,
};

// Options of cross entropy: -w_y ln p_y, p the softmax of the logits; 2 classes and more.
struct scarce_cross_entropy_options {
  // A weight for each class, or NULL: all 1.
  const float *weights;
  // An addend of each class's logit, or NULL: all 0.
  const float *logit_adjustment;
  // In 0 to 1.
  float label_smoothing;
  // One of `enum scarce_reduction`.
  uint32_t reduction;
  // Of `SCARCE_REDUCTION_DIVISOR`.
  float divisor;
};

// Scores and labels.
struct scarce_batch {
  // `pixels * classes` of them.
  const float *logits;
  // `pixels` of them: classes, from 0 on; with one class 0 for background and 1 for foreground.
  const uint8_t *labels;
  // Pixels of all images.
  size_t pixels;
  // Classes; the library is built for some numbers of them.
  size_t classes;
  // Images of one size, one after the other; at least 1.
  size_t images;
  // One of `enum scarce_layout`.
  uint32_t layout;
  // Whether there is a label that is ignored: 0 or 1.
  uint8_t has_ignore;
  // That label. Pixels that have it take no part, and their scores are not read.
  uint8_t ignore;
};

// What was wrong, and where. What the status does not name is 0.
struct scarce_error {
  // One of `enum scarce_status`.
  int32_t status;
  // One of `enum scarce_buffer`.
  uint32_t buffer;
  // One of `enum scarce_parameter`.
  uint32_t parameter;
  // The label that was found.
  uint32_t label;
  // Index of the pixel, image, embedding or anchor.
  size_t index;
  // What was needed.
  size_t needed;
  // What was given.
  size_t got;
};

// Options of binary cross entropy: a sigmoid in each channel; with one class foreground against background, with more each
// class against all others.
struct scarce_binary_cross_entropy_options {
  // The weight of the positive term of each class, or NULL: all 1.
  const float *pos_weights;
  // The weights of the terms of labels 0 and 1, which enter the divisor of the mean.
  float label_weights[2];
  // In 0 to 1.
  float label_smoothing;
  // One of `enum scarce_reduction`.
  uint32_t reduction;
  // Of `SCARCE_REDUCTION_DIVISOR`.
  float divisor;
};

// Options of the focal loss on a softmax: -alpha_y (1 - p_y)^gamma ln p_y; 2 classes and more.
struct scarce_focal_options {
  // A weight for each class, or NULL: all 1.
  const float *alpha;
  // The focusing exponent, 0 or more.
  float gamma;
  // One of `enum scarce_reduction`.
  uint32_t reduction;
  // Of `SCARCE_REDUCTION_DIVISOR`.
  float divisor;
};

// Options of the focal loss on a sigmoid in each channel; with one class foreground against background, with more each class
// against all others.
struct scarce_sigmoid_focal_options {
  // The balance of each class, in 0 to 1: alpha for the positive term, 1 - alpha for the negative one; or NULL: both 1.
  const float *alpha;
  // A weight for each class, which enters the divisor of the mean; or NULL: all 1.
  const float *weights;
  // The focusing exponent, 0 or more.
  float gamma;
  // One of `enum scarce_reduction`.
  uint32_t reduction;
  // Of `SCARCE_REDUCTION_DIVISOR`.
  float divisor;
};

// Options of the overlap losses, on a softmax (2 classes and more) or a sigmoid in each channel.
struct scarce_overlap_options {
  // A weight for each class, or NULL: all 1. 0 leaves a class out.
  const float *weights;
  // One of `enum scarce_index`.
  uint32_t index;
  // Of false positives, of `SCARCE_INDEX_TVERSKY`.
  float alpha;
  // Of false negatives, of `SCARCE_INDEX_TVERSKY`.
  float beta;
  // s_n and s_d.
  float smoothing[2];
  // One of `enum scarce_form`.
  uint32_t form;
  // Of `SCARCE_FORM_FOCAL`.
  float gamma;
  // One of `enum scarce_absent`.
  uint32_t absent;
  // One of `enum scarce_volume_weights`.
  uint32_t volume_weights;
  // Whether the errors in FP and FN are squared: 0 or 1.
  uint8_t squared;
  // Whether the sums are of the whole batch, not of each image: 0 or 1.
  uint8_t per_batch;
  // Whether there is one index of sums over all classes: 0 or 1.
  uint8_t micro;
  // Whether the sum over classes is divided by their number, not by their weights: 0 or 1.
  uint8_t unnormalized;
};

// Options of Lovasz-softmax; 2 classes and more.
struct scarce_lovasz_options {
  // A weight for each class, or NULL: all 1.
  const float *weights;
  // One of `enum scarce_classes`.
  uint32_t classes;
  // Whether each image is computed by itself: 0 or 1.
  uint8_t per_image;
};

// Options of the Lovasz hinge: one class, labels 0 and 1.
struct scarce_lovasz_hinge_options {
  // Whether each image is computed by itself: 0 or 1.
  uint8_t per_image;
  // elu(e) + 1 in place of max(e, 0): 0 or 1.
  uint8_t elu;
};

// Options of hard example mining over cross entropy: only the pixels count that the network gets wrong.
struct scarce_ohem_options {
  // The loss of a pixel. Its reduction is not used.
  struct scarce_cross_entropy_options cross_entropy;
  // One of `enum scarce_ohem_rule`.
  uint32_t rule;
  // Of a probability, in 0 to 1; of a loss, 0 or more.
  float thresh;
  // One of `enum scarce_min_kept`.
  uint32_t min_kept;
  // In 0 to 1.
  float min_kept_fraction;
  // A number of pixels.
  uint32_t min_kept_pixels;
  // Whether the pixels are chosen in each image by itself: 0 or 1.
  uint8_t per_image;
};

// Options of a weighted sum of cross entropy and Lovasz-softmax.
struct scarce_cross_entropy_lovasz_options {
  // The weight of the one.
  float cross_entropy_weight;
  // The weight of the other.
  float lovasz_weight;
  // Options of the one.
  struct scarce_cross_entropy_options cross_entropy;
  // Options of the other.
  struct scarce_lovasz_options lovasz;
};

// Options of a weighted sum of cross entropy and an overlap loss.
struct scarce_cross_entropy_overlap_options {
  // The weight of the one.
  float cross_entropy_weight;
  // The weight of the other.
  float overlap_weight;
  // Options of the one.
  struct scarce_cross_entropy_options cross_entropy;
  // Options of the other.
  struct scarce_overlap_options overlap;
};

// Options of semantic encoding: binary cross entropy of which classes are in the image.
struct scarce_semantic_encoding_options {
  // A weight for each class, or NULL: all 1.
  const float *weights;
  // Whether an image without a valid pixel counts as one without any class, not as none: 0 or 1.
  uint8_t counting_empty_images;
};

// Logits of which classes are in each image, and the labels of its pixels.
struct scarce_presence {
  // `images * classes` of them: `[images][classes]`.
  const float *logits;
  // `pixels` of them.
  const uint8_t *labels;
  // Images of one size, one after the other.
  size_t images;
  // Classes; the library is built for some numbers of them.
  size_t classes;
  // Pixels of all images.
  size_t pixels;
  // Whether there is a label that is ignored: 0 or 1.
  uint8_t has_ignore;
  // That label.
  uint8_t ignore;
};

// Options of pixel contrast: each anchor against all others of the batch.
struct scarce_pixel_contrast_options {
  // In 1e-6 to 1e6.
  float temperature;
  // What the loss is rescaled by: it is multiplied by `temperature / base_temperature`. 0 leaves it as it is.
  float base_temperature;
  // Whether embeddings are divided by their length: 0 or 1.
  uint8_t normalizing;
};

// Embeddings of pixels, and their classes, which may be any.
struct scarce_embeddings {
  // `number * dimensions` of them: `[number][dimensions]`.
  const float *rows;
  // `number` of them.
  const uint8_t *labels;
  // Embeddings.
  size_t number;
  // Dimensions; the library is built for some numbers of them.
  size_t dimensions;
  // Indices of the embeddings that are compared, `anchors_len` of them; or NULL: all that are not ignored.
  const uint32_t *anchors;
  // How many, if `anchors` is not NULL.
  size_t anchors_len;
  // Whether there is a label that is ignored: 0 or 1.
  uint8_t has_ignore;
  // That label.
  uint8_t ignore;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// All weights 1, no adjustment, no smoothing, `SCARCE_REDUCTION_MEAN`.
struct scarce_cross_entropy_options scarce_cross_entropy_default(void);

// Cross entropy: the loss.
int32_t scarce_cross_entropy_value(const struct scarce_batch *batch,
                                   const struct scarce_cross_entropy_options *options,
                                   float *loss,
                                   struct scarce_error *error);

// Cross entropy: the loss, and `grad += scale * gradient`.
int32_t scarce_cross_entropy_add_grad(const struct scarce_batch *batch,
                                      const struct scarce_cross_entropy_options *options,
                                      float scale,
                                      float *grad,
                                      float *loss,
                                      struct scarce_error *error);

// Cross entropy: the loss, and `grad = gradient`.
int32_t scarce_cross_entropy_value_and_grad(const struct scarce_batch *batch,
                                            const struct scarce_cross_entropy_options *options,
                                            float *grad,
                                            float *loss,
                                            struct scarce_error *error);

// All weights 1, no smoothing, `SCARCE_REDUCTION_MEAN`.
struct scarce_binary_cross_entropy_options scarce_binary_cross_entropy_default(void);

// Binary cross entropy: the loss.
int32_t scarce_binary_cross_entropy_value(const struct scarce_batch *batch,
                                          const struct scarce_binary_cross_entropy_options *options,
                                          float *loss,
                                          struct scarce_error *error);

// Binary cross entropy: the loss, and `grad += scale * gradient`.
int32_t scarce_binary_cross_entropy_add_grad(const struct scarce_batch *batch,
                                             const struct scarce_binary_cross_entropy_options *options,
                                             float scale,
                                             float *grad,
                                             float *loss,
                                             struct scarce_error *error);

// Binary cross entropy: the loss, and `grad = gradient`.
int32_t scarce_binary_cross_entropy_value_and_grad(const struct scarce_batch *batch,
                                                   const struct scarce_binary_cross_entropy_options *options,
                                                   float *grad,
                                                   float *loss,
                                                   struct scarce_error *error);

// Exponent 2, all weights 1, `SCARCE_REDUCTION_MEAN_VALID`.
struct scarce_focal_options scarce_focal_default(void);

// Focal loss on a softmax: the loss.
int32_t scarce_focal_value(const struct scarce_batch *batch,
                           const struct scarce_focal_options *options,
                           float *loss,
                           struct scarce_error *error);

// Focal loss on a softmax: the loss, and `grad += scale * gradient`.
int32_t scarce_focal_add_grad(const struct scarce_batch *batch,
                              const struct scarce_focal_options *options,
                              float scale,
                              float *grad,
                              float *loss,
                              struct scarce_error *error);

// Focal loss on a softmax: the loss, and `grad = gradient`.
int32_t scarce_focal_value_and_grad(const struct scarce_batch *batch,
                                    const struct scarce_focal_options *options,
                                    float *grad,
                                    float *loss,
                                    struct scarce_error *error);

// Exponent 2, no balance, all weights 1, `SCARCE_REDUCTION_MEAN`.
struct scarce_sigmoid_focal_options scarce_sigmoid_focal_default(void);

// Focal loss on a sigmoid: the loss.
int32_t scarce_sigmoid_focal_value(const struct scarce_batch *batch,
                                   const struct scarce_sigmoid_focal_options *options,
                                   float *loss,
                                   struct scarce_error *error);

// Focal loss on a sigmoid: the loss, and `grad += scale * gradient`.
int32_t scarce_sigmoid_focal_add_grad(const struct scarce_batch *batch,
                                      const struct scarce_sigmoid_focal_options *options,
                                      float scale,
                                      float *grad,
                                      float *loss,
                                      struct scarce_error *error);

// Focal loss on a sigmoid: the loss, and `grad = gradient`.
int32_t scarce_sigmoid_focal_value_and_grad(const struct scarce_batch *batch,
                                            const struct scarce_sigmoid_focal_options *options,
                                            float *grad,
                                            float *loss,
                                            struct scarce_error *error);

// Dice with smoothing 1, image by image, the mean over classes.
struct scarce_overlap_options scarce_overlap_default(void);

// Overlap on a softmax: the loss.
int32_t scarce_overlap_value(const struct scarce_batch *batch,
                             const struct scarce_overlap_options *options,
                             float *loss,
                             struct scarce_error *error);

// Overlap on a softmax: the loss, and `grad += scale * gradient`.
int32_t scarce_overlap_add_grad(const struct scarce_batch *batch,
                                const struct scarce_overlap_options *options,
                                float scale,
                                float *grad,
                                float *loss,
                                struct scarce_error *error);

// Overlap on a softmax: the loss, and `grad = gradient`.
int32_t scarce_overlap_value_and_grad(const struct scarce_batch *batch,
                                      const struct scarce_overlap_options *options,
                                      float *grad,
                                      float *loss,
                                      struct scarce_error *error);

// Overlap on a sigmoid in each channel: the loss.
int32_t scarce_overlap_sigmoid_value(const struct scarce_batch *batch,
                                     const struct scarce_overlap_options *options,
                                     float *loss,
                                     struct scarce_error *error);

// Overlap on a sigmoid in each channel: the loss, and `grad += scale * gradient`.
int32_t scarce_overlap_sigmoid_add_grad(const struct scarce_batch *batch,
                                        const struct scarce_overlap_options *options,
                                        float scale,
                                        float *grad,
                                        float *loss,
                                        struct scarce_error *error);

// Overlap on a sigmoid in each channel: the loss, and `grad = gradient`.
int32_t scarce_overlap_sigmoid_value_and_grad(const struct scarce_batch *batch,
                                              const struct scarce_overlap_options *options,
                                              float *grad,
                                              float *loss,
                                              struct scarce_error *error);

// All weights 1, the classes that are present, over the whole batch.
struct scarce_lovasz_options scarce_lovasz_default(void);

// Words of scratch that `scarce_lovasz_value` and `scarce_lovasz_add_grad` need.
size_t scarce_lovasz_scratch_len(size_t pixels);

// Words of scratch that `scarce_lovasz_value_and_grad` needs: fewer.
size_t scarce_lovasz_scratch_len_to_write(size_t pixels);

// Lovasz-softmax: the loss.
//
// `scratch` has `scarce_lovasz_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_lovasz_value(const struct scarce_batch *batch,
                            const struct scarce_lovasz_options *options,
                            uint32_t *scratch,
                            size_t scratch_len,
                            float *loss,
                            struct scarce_error *error);

// Lovasz-softmax: the loss, and `grad += scale * gradient`.
//
// `scratch` has `scarce_lovasz_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_lovasz_add_grad(const struct scarce_batch *batch,
                               const struct scarce_lovasz_options *options,
                               float scale,
                               float *grad,
                               uint32_t *scratch,
                               size_t scratch_len,
                               float *loss,
                               struct scarce_error *error);

// Lovasz-softmax: the loss, and `grad = gradient`.
//
// `scratch` has `scarce_lovasz_scratch_len_to_write(pixels)` words at least.
int32_t scarce_lovasz_value_and_grad(const struct scarce_batch *batch,
                                     const struct scarce_lovasz_options *options,
                                     float *grad,
                                     uint32_t *scratch,
                                     size_t scratch_len,
                                     float *loss,
                                     struct scarce_error *error);

// Words of scratch that `scarce_lovasz_heap_value` and `scarce_lovasz_heap_add_grad` need.
size_t scarce_lovasz_heap_scratch_len(size_t pixels);

// Words of scratch that `scarce_lovasz_heap_value_and_grad` needs: fewer.
size_t scarce_lovasz_heap_scratch_len_to_write(size_t pixels);

// Lovasz-softmax by a sort that is slower and needs less scratch; the same bits: the loss.
//
// `scratch` has `scarce_lovasz_heap_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_lovasz_heap_value(const struct scarce_batch *batch,
                                 const struct scarce_lovasz_options *options,
                                 uint32_t *scratch,
                                 size_t scratch_len,
                                 float *loss,
                                 struct scarce_error *error);

// Lovasz-softmax by a sort that is slower and needs less scratch; the same bits: the loss, and `grad += scale * gradient`.
//
// `scratch` has `scarce_lovasz_heap_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_lovasz_heap_add_grad(const struct scarce_batch *batch,
                                    const struct scarce_lovasz_options *options,
                                    float scale,
                                    float *grad,
                                    uint32_t *scratch,
                                    size_t scratch_len,
                                    float *loss,
                                    struct scarce_error *error);

// Lovasz-softmax by a sort that is slower and needs less scratch; the same bits: the loss, and `grad = gradient`.
//
// `scratch` has `scarce_lovasz_heap_scratch_len_to_write(pixels)` words at least.
int32_t scarce_lovasz_heap_value_and_grad(const struct scarce_batch *batch,
                                          const struct scarce_lovasz_options *options,
                                          float *grad,
                                          uint32_t *scratch,
                                          size_t scratch_len,
                                          float *loss,
                                          struct scarce_error *error);

// max(e, 0), over the whole batch.
struct scarce_lovasz_hinge_options scarce_lovasz_hinge_default(void);

// Words of scratch that `scarce_lovasz_hinge_value` and `scarce_lovasz_hinge_add_grad` need.
size_t scarce_lovasz_hinge_scratch_len(size_t pixels);

// Words of scratch that `scarce_lovasz_hinge_value_and_grad` needs: fewer.
size_t scarce_lovasz_hinge_scratch_len_to_write(size_t pixels);

// Lovasz hinge: the loss.
//
// `scratch` has `scarce_lovasz_hinge_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_lovasz_hinge_value(const struct scarce_batch *batch,
                                  const struct scarce_lovasz_hinge_options *options,
                                  uint32_t *scratch,
                                  size_t scratch_len,
                                  float *loss,
                                  struct scarce_error *error);

// Lovasz hinge: the loss, and `grad += scale * gradient`.
//
// `scratch` has `scarce_lovasz_hinge_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_lovasz_hinge_add_grad(const struct scarce_batch *batch,
                                     const struct scarce_lovasz_hinge_options *options,
                                     float scale,
                                     float *grad,
                                     uint32_t *scratch,
                                     size_t scratch_len,
                                     float *loss,
                                     struct scarce_error *error);

// Lovasz hinge: the loss, and `grad = gradient`.
//
// `scratch` has `scarce_lovasz_hinge_scratch_len_to_write(pixels)` words at least.
int32_t scarce_lovasz_hinge_value_and_grad(const struct scarce_batch *batch,
                                           const struct scarce_lovasz_hinge_options *options,
                                           float *grad,
                                           uint32_t *scratch,
                                           size_t scratch_len,
                                           float *loss,
                                           struct scarce_error *error);

// Words of scratch that `scarce_lovasz_hinge_heap_value` and `scarce_lovasz_hinge_heap_add_grad` need.
size_t scarce_lovasz_hinge_heap_scratch_len(size_t pixels);

// Words of scratch that `scarce_lovasz_hinge_heap_value_and_grad` needs: fewer.
size_t scarce_lovasz_hinge_heap_scratch_len_to_write(size_t pixels);

// Lovasz hinge by a sort that is slower and needs less scratch; the same bits: the loss.
//
// `scratch` has `scarce_lovasz_hinge_heap_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_lovasz_hinge_heap_value(const struct scarce_batch *batch,
                                       const struct scarce_lovasz_hinge_options *options,
                                       uint32_t *scratch,
                                       size_t scratch_len,
                                       float *loss,
                                       struct scarce_error *error);

// Lovasz hinge by a sort that is slower and needs less scratch; the same bits: the loss, and `grad += scale * gradient`.
//
// `scratch` has `scarce_lovasz_hinge_heap_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_lovasz_hinge_heap_add_grad(const struct scarce_batch *batch,
                                          const struct scarce_lovasz_hinge_options *options,
                                          float scale,
                                          float *grad,
                                          uint32_t *scratch,
                                          size_t scratch_len,
                                          float *loss,
                                          struct scarce_error *error);

// Lovasz hinge by a sort that is slower and needs less scratch; the same bits: the loss, and `grad = gradient`.
//
// `scratch` has `scarce_lovasz_hinge_heap_scratch_len_to_write(pixels)` words at least.
int32_t scarce_lovasz_hinge_heap_value_and_grad(const struct scarce_batch *batch,
                                                const struct scarce_lovasz_hinge_options *options,
                                                float *grad,
                                                uint32_t *scratch,
                                                size_t scratch_len,
                                                float *loss,
                                                struct scarce_error *error);

// p below 0.7, at least a sixteenth of all pixels, of plain cross entropy.
struct scarce_ohem_options scarce_ohem_default(void);

// Words of scratch that the loss needs, whatever the function.
size_t scarce_ohem_scratch_len(size_t pixels);

// Hard example mining over cross entropy: the loss.
//
// `scratch` has `scarce_ohem_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_ohem_value(const struct scarce_batch *batch,
                          const struct scarce_ohem_options *options,
                          uint32_t *scratch,
                          size_t scratch_len,
                          float *loss,
                          struct scarce_error *error);

// Hard example mining over cross entropy: the loss, and `grad += scale * gradient`.
//
// `scratch` has `scarce_ohem_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_ohem_add_grad(const struct scarce_batch *batch,
                             const struct scarce_ohem_options *options,
                             float scale,
                             float *grad,
                             uint32_t *scratch,
                             size_t scratch_len,
                             float *loss,
                             struct scarce_error *error);

// Hard example mining over cross entropy: the loss, and `grad = gradient`.
//
// `scratch` has `scarce_ohem_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_ohem_value_and_grad(const struct scarce_batch *batch,
                                   const struct scarce_ohem_options *options,
                                   float *grad,
                                   uint32_t *scratch,
                                   size_t scratch_len,
                                   float *loss,
                                   struct scarce_error *error);

// Both weights 1, the defaults of both.
struct scarce_cross_entropy_lovasz_options scarce_cross_entropy_lovasz_default(void);

// Words of scratch that `scarce_cross_entropy_lovasz_value` and `scarce_cross_entropy_lovasz_add_grad` need.
size_t scarce_cross_entropy_lovasz_scratch_len(size_t pixels);

// Words of scratch that `scarce_cross_entropy_lovasz_value_and_grad` needs: fewer.
size_t scarce_cross_entropy_lovasz_scratch_len_to_write(size_t pixels);

// Cross entropy and Lovasz-softmax: the loss.
//
// `scratch` has `scarce_cross_entropy_lovasz_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_cross_entropy_lovasz_value(const struct scarce_batch *batch,
                                          const struct scarce_cross_entropy_lovasz_options *options,
                                          uint32_t *scratch,
                                          size_t scratch_len,
                                          float *loss,
                                          struct scarce_error *error);

// Cross entropy and Lovasz-softmax: the loss, and `grad += scale * gradient`.
//
// `scratch` has `scarce_cross_entropy_lovasz_scratch_len(pixels)` words of 32 bits at least.
int32_t scarce_cross_entropy_lovasz_add_grad(const struct scarce_batch *batch,
                                             const struct scarce_cross_entropy_lovasz_options *options,
                                             float scale,
                                             float *grad,
                                             uint32_t *scratch,
                                             size_t scratch_len,
                                             float *loss,
                                             struct scarce_error *error);

// Cross entropy and Lovasz-softmax: the loss, and `grad = gradient`.
//
// `scratch` has `scarce_cross_entropy_lovasz_scratch_len_to_write(pixels)` words at least.
int32_t scarce_cross_entropy_lovasz_value_and_grad(const struct scarce_batch *batch,
                                                   const struct scarce_cross_entropy_lovasz_options *options,
                                                   float *grad,
                                                   uint32_t *scratch,
                                                   size_t scratch_len,
                                                   float *loss,
                                                   struct scarce_error *error);

// Both weights 1, the defaults of both: cross entropy and Dice.
struct scarce_cross_entropy_overlap_options scarce_cross_entropy_overlap_default(void);

// Cross entropy and an overlap loss: the loss.
int32_t scarce_cross_entropy_overlap_value(const struct scarce_batch *batch,
                                           const struct scarce_cross_entropy_overlap_options *options,
                                           float *loss,
                                           struct scarce_error *error);

// Cross entropy and an overlap loss: the loss, and `grad += scale * gradient`.
int32_t scarce_cross_entropy_overlap_add_grad(const struct scarce_batch *batch,
                                              const struct scarce_cross_entropy_overlap_options *options,
                                              float scale,
                                              float *grad,
                                              float *loss,
                                              struct scarce_error *error);

// Cross entropy and an overlap loss: the loss, and `grad = gradient`.
int32_t scarce_cross_entropy_overlap_value_and_grad(const struct scarce_batch *batch,
                                                    const struct scarce_cross_entropy_overlap_options *options,
                                                    float *grad,
                                                    float *loss,
                                                    struct scarce_error *error);

// All weights 1; images without a valid pixel count as none.
struct scarce_semantic_encoding_options scarce_semantic_encoding_default(void);

// Semantic encoding: the loss.
int32_t scarce_semantic_encoding_value(const struct scarce_presence *presence,
                                       const struct scarce_semantic_encoding_options *options,
                                       float *loss,
                                       struct scarce_error *error);

// Semantic encoding: the loss, and `grad += scale * gradient`, `images * classes` of them.
int32_t scarce_semantic_encoding_add_grad(const struct scarce_presence *presence,
                                          const struct scarce_semantic_encoding_options *options,
                                          float scale,
                                          float *grad,
                                          float *loss,
                                          struct scarce_error *error);

// Semantic encoding: the loss, and `grad = gradient`, `images * classes` of them.
int32_t scarce_semantic_encoding_value_and_grad(const struct scarce_presence *presence,
                                                const struct scarce_semantic_encoding_options *options,
                                                float *grad,
                                                float *loss,
                                                struct scarce_error *error);

// Temperature 0.1, the loss not rescaled, embeddings taken as they are.
struct scarce_pixel_contrast_options scarce_pixel_contrast_default(void);

// Words of scratch for so many anchors, or embeddings where all are anchors.
size_t scarce_pixel_contrast_scratch_len(size_t anchors);

// Pixel contrast: the loss. `scratch` has `scarce_pixel_contrast_scratch_len(anchors)` words of 32 bits at least.
int32_t scarce_pixel_contrast_value(const struct scarce_embeddings *embeddings,
                                    const struct scarce_pixel_contrast_options *options,
                                    uint32_t *scratch,
                                    size_t scratch_len,
                                    float *loss,
                                    struct scarce_error *error);

// Pixel contrast: the loss, and `grad += scale * gradient`, `number * dimensions` of them. Scratch as for the loss.
int32_t scarce_pixel_contrast_add_grad(const struct scarce_embeddings *embeddings,
                                       const struct scarce_pixel_contrast_options *options,
                                       float scale,
                                       float *grad,
                                       uint32_t *scratch,
                                       size_t scratch_len,
                                       float *loss,
                                       struct scarce_error *error);

// Pixel contrast: the loss, and `grad = gradient`, `number * dimensions` of them. Scratch as for the loss.
int32_t scarce_pixel_contrast_value_and_grad(const struct scarce_embeddings *embeddings,
                                             const struct scarce_pixel_contrast_options *options,
                                             float *grad,
                                             uint32_t *scratch,
                                             size_t scratch_len,
                                             float *loss,
                                             struct scarce_error *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SCARCE_H */
