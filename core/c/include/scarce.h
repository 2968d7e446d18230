/* The losses of scarce. Their formulas: the documentation of the Rust library. */

#ifndef SCARCE_H
#define SCARCE_H

#include <stddef.h>
#include <stdint.h>
/* macros */


/*
 Options of cross entropy: -w_y ln p_y, p the softmax of the logits; 2 classes and more.
 */
struct CrossEntropyOptions {
  /*
   A weight for each class, or NULL: all 1.
   */
  const float *weights;
  /*
   An addend of each class's logit, or NULL: all 0.
   */
  const float *logit_adjustment;
  /*
   In 0 to 1.
   */
  float label_smoothing;
  /*
   One of `enum scarce_reduction`.
   */
  uint32_t reduction;
  /*
   Of `SCARCE_REDUCTION_DIVISOR`.
   */
  float divisor;
};

/*
 Scores and labels.
 */
struct Batch {
  /*
   `pixels * classes` of them.
   */
  const float *logits;
  /*
   `pixels` of them: classes, from 0 on; with one class 0 for background and 1 for foreground.
   */
  const uint8_t *labels;
  /*
   Pixels of all images.
   */
  size_t pixels;
  /*
   Classes; the library is built for some numbers of them.
   */
  size_t classes;
  /*
   Images of one size, one after the other; at least 1.
   */
  size_t images;
  /*
   One of `enum scarce_layout`.
   */
  uint32_t layout;
  /*
   Whether there is a label that is ignored: 0 or 1.
   */
  uint8_t has_ignore;
  /*
   That label. Pixels that have it take no part, and their scores are not read.
   */
  uint8_t ignore;
};

/*
 What was wrong, and where. What the status does not name is 0.
 */
struct ErrorReport {
  /*
   One of `enum scarce_status`.
   */
  int32_t status;
  /*
   One of `enum scarce_buffer`.
   */
  uint32_t buffer;
  /*
   One of `enum scarce_parameter`.
   */
  uint32_t parameter;
  /*
   The label that was found.
   */
  uint32_t label;
  /*
   Index of the pixel, image, embedding or anchor.
   */
  size_t index;
  /*
   What was needed.
   */
  size_t needed;
  /*
   What was given.
   */
  size_t got;
};

/*
 Options of binary cross entropy: a sigmoid in each channel; with one class foreground against background, with more each
 class against all others.
 */
struct BinaryCrossEntropyOptions {
  /*
   The weight of the positive term of each class, or NULL: all 1.
   */
  const float *pos_weights;
  /*
   The weights of the terms of labels 0 and 1, which enter the divisor of the mean.
   */
  float label_weights[2];
  /*
   In 0 to 1.
   */
  float label_smoothing;
  /*
   One of `enum scarce_reduction`.
   */
  uint32_t reduction;
  /*
   Of `SCARCE_REDUCTION_DIVISOR`.
   */
  float divisor;
};

/*
 Options of the focal loss on a softmax: -alpha_y (1 - p_y)^gamma ln p_y; 2 classes and more.
 */
struct FocalOptions {
  /*
   A weight for each class, or NULL: all 1.
   */
  const float *alpha;
  /*
   The focusing exponent, 0 or more.
   */
  float gamma;
  /*
   One of `enum scarce_reduction`.
   */
  uint32_t reduction;
  /*
   Of `SCARCE_REDUCTION_DIVISOR`.
   */
  float divisor;
};

/*
 Options of the focal loss on a sigmoid in each channel; with one class foreground against background, with more each class
 against all others.
 */
struct SigmoidFocalOptions {
  /*
   The balance of each class, in 0 to 1: alpha for the positive term, 1 - alpha for the negative one; or NULL: both 1.
   */
  const float *alpha;
  /*
   A weight for each class, which enters the divisor of the mean; or NULL: all 1.
   */
  const float *weights;
  /*
   The focusing exponent, 0 or more.
   */
  float gamma;
  /*
   One of `enum scarce_reduction`.
   */
  uint32_t reduction;
  /*
   Of `SCARCE_REDUCTION_DIVISOR`.
   */
  float divisor;
};

/*
 Options of the overlap losses, on a softmax (2 classes and more) or a sigmoid in each channel.
 */
struct OverlapOptions {
  /*
   A weight for each class, or NULL: all 1. 0 leaves a class out.
   */
  const float *weights;
  /*
   One of `enum scarce_index`.
   */
  uint32_t index;
  /*
   Of false positives, of `SCARCE_INDEX_TVERSKY`.
   */
  float alpha;
  /*
   Of false negatives, of `SCARCE_INDEX_TVERSKY`.
   */
  float beta;
  /*
   s_n and s_d.
   */
  float smoothing[2];
  /*
   One of `enum scarce_form`.
   */
  uint32_t form;
  /*
   Of `SCARCE_FORM_FOCAL`.
   */
  float gamma;
  /*
   One of `enum scarce_absent`.
   */
  uint32_t absent;
  /*
   One of `enum scarce_volume_weights`.
   */
  uint32_t volume_weights;
  /*
   Whether the errors in FP and FN are squared: 0 or 1.
   */
  uint8_t squared;
  /*
   Whether the sums are of the whole batch, not of each image: 0 or 1.
   */
  uint8_t per_batch;
  /*
   Whether there is one index of sums over all classes: 0 or 1.
   */
  uint8_t micro;
  /*
   Whether the sum over classes is divided by their number, not by their weights: 0 or 1.
   */
  uint8_t unnormalized;
};

/*
 Options of Lovasz-softmax; 2 classes and more.
 */
struct LovaszOptions {
  /*
   A weight for each class, or NULL: all 1.
   */
  const float *weights;
  /*
   One of `enum scarce_classes`.
   */
  uint32_t classes;
  /*
   Whether each image is computed by itself: 0 or 1.
   */
  uint8_t per_image;
};

/*
 Options of the Lovasz hinge: one class, labels 0 and 1.
 */
struct LovaszHingeOptions {
  /*
   Whether each image is computed by itself: 0 or 1.
   */
  uint8_t per_image;
  /*
   elu(e) + 1 in place of max(e, 0): 0 or 1.
   */
  uint8_t elu;
};

/*
 Options of hard example mining over cross entropy: only the pixels count that the network gets wrong.
 */
struct OhemOptions {
  /*
   The loss of a pixel. Its reduction is not used.
   */
  struct CrossEntropyOptions cross_entropy;
  /*
   One of `enum scarce_ohem_rule`.
   */
  uint32_t rule;
  /*
   Of a probability, in 0 to 1; of a loss, 0 or more.
   */
  float thresh;
  /*
   One of `enum scarce_min_kept`.
   */
  uint32_t min_kept;
  /*
   In 0 to 1.
   */
  float min_kept_fraction;
  /*
   A number of pixels.
   */
  uint32_t min_kept_pixels;
  /*
   Whether the pixels are chosen in each image by itself: 0 or 1.
   */
  uint8_t per_image;
};

/*
 Options of a weighted sum of cross entropy and Lovasz-softmax.
 */
struct CrossEntropyLovaszOptions {
  /*
   The weight of the one.
   */
  float cross_entropy_weight;
  /*
   The weight of the other.
   */
  float lovasz_weight;
  /*
   Options of the one.
   */
  struct CrossEntropyOptions cross_entropy;
  /*
   Options of the other.
   */
  struct LovaszOptions lovasz;
};

/*
 Options of a weighted sum of cross entropy and an overlap loss.
 */
struct CrossEntropyOverlapOptions {
  /*
   The weight of the one.
   */
  float cross_entropy_weight;
  /*
   The weight of the other.
   */
  float overlap_weight;
  /*
   Options of the one.
   */
  struct CrossEntropyOptions cross_entropy;
  /*
   Options of the other.
   */
  struct OverlapOptions overlap;
};

/*
 Options of semantic encoding: binary cross entropy of which classes are in the image.
 */
struct SemanticEncodingOptions {
  /*
   A weight for each class, or NULL: all 1.
   */
  const float *weights;
  /*
   Whether an image without a valid pixel counts as one without any class, not as none: 0 or 1.
   */
  uint8_t counting_empty_images;
};

/*
 Logits of which classes are in each image, and the labels of its pixels.
 */
struct Presence {
  /*
   `images * classes` of them: `[images][classes]`.
   */
  const float *logits;
  /*
   `pixels` of them.
   */
  const uint8_t *labels;
  /*
   Images of one size, one after the other.
   */
  size_t images;
  /*
   Classes; the library is built for some numbers of them.
   */
  size_t classes;
  /*
   Pixels of all images.
   */
  size_t pixels;
  /*
   Whether there is a label that is ignored: 0 or 1.
   */
  uint8_t has_ignore;
  /*
   That label.
   */
  uint8_t ignore;
};

/*
 Options of pixel contrast: each anchor against all others of the batch.
 */
struct PixelContrastOptions {
  /*
   In 1e-6 to 1e6.
   */
  float temperature;
  /*
   What the loss is rescaled by: it is multiplied by `temperature / base_temperature`. 0 leaves it as it is.
   */
  float base_temperature;
  /*
   Whether embeddings are divided by their length: 0 or 1.
   */
  uint8_t normalizing;
};

/*
 Embeddings of pixels, and their classes, which may be any.
 */
struct Embeddings {
  /*
   `number * dimensions` of them: `[number][dimensions]`.
   */
  const float *rows;
  /*
   `number` of them.
   */
  const uint8_t *labels;
  /*
   Embeddings.
   */
  size_t number;
  /*
   Dimensions; the library is built for some numbers of them.
   */
  size_t dimensions;
  /*
   Indices of the embeddings that are compared, `anchors_len` of them; or NULL: all that are not ignored.
   */
  const uint32_t *anchors;
  /*
   How many, if `anchors` is not NULL.
   */
  size_t anchors_len;
  /*
   Whether there is a label that is ignored: 0 or 1.
   */
  uint8_t has_ignore;
  /*
   That label.
   */
  uint8_t ignore;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 All weights 1, no adjustment, no smoothing, `SCARCE_REDUCTION_MEAN`.
 */
struct CrossEntropyOptions scarce_cross_entropy_default(void);

/*
 Cross entropy: the loss.
 */
int32_t scarce_cross_entropy_value(const struct Batch *batch,
                                   const struct CrossEntropyOptions *options,
                                   float *loss,
                                   struct ErrorReport *error);

/*
 Cross entropy: the loss, and `grad += scale * gradient`.
 */
int32_t scarce_cross_entropy_add_grad(const struct Batch *batch,
                                      const struct CrossEntropyOptions *options,
                                      float scale,
                                      float *grad,
                                      float *loss,
                                      struct ErrorReport *error);

/*
 Cross entropy: the loss, and `grad = gradient`.
 */
int32_t scarce_cross_entropy_value_and_grad(const struct Batch *batch,
                                            const struct CrossEntropyOptions *options,
                                            float *grad,
                                            float *loss,
                                            struct ErrorReport *error);

/*
 All weights 1, no smoothing, `SCARCE_REDUCTION_MEAN`.
 */
struct BinaryCrossEntropyOptions scarce_binary_cross_entropy_default(void);

/*
 Binary cross entropy: the loss.
 */
int32_t scarce_binary_cross_entropy_value(const struct Batch *batch,
                                          const struct BinaryCrossEntropyOptions *options,
                                          float *loss,
                                          struct ErrorReport *error);

/*
 Binary cross entropy: the loss, and `grad += scale * gradient`.
 */
int32_t scarce_binary_cross_entropy_add_grad(const struct Batch *batch,
                                             const struct BinaryCrossEntropyOptions *options,
                                             float scale,
                                             float *grad,
                                             float *loss,
                                             struct ErrorReport *error);

/*
 Binary cross entropy: the loss, and `grad = gradient`.
 */
int32_t scarce_binary_cross_entropy_value_and_grad(const struct Batch *batch,
                                                   const struct BinaryCrossEntropyOptions *options,
                                                   float *grad,
                                                   float *loss,
                                                   struct ErrorReport *error);

/*
 Exponent 2, all weights 1, `SCARCE_REDUCTION_MEAN_VALID`.
 */
struct FocalOptions scarce_focal_default(void);

/*
 Focal loss on a softmax: the loss.
 */
int32_t scarce_focal_value(const struct Batch *batch,
                           const struct FocalOptions *options,
                           float *loss,
                           struct ErrorReport *error);

/*
 Focal loss on a softmax: the loss, and `grad += scale * gradient`.
 */
int32_t scarce_focal_add_grad(const struct Batch *batch,
                              const struct FocalOptions *options,
                              float scale,
                              float *grad,
                              float *loss,
                              struct ErrorReport *error);

/*
 Focal loss on a softmax: the loss, and `grad = gradient`.
 */
int32_t scarce_focal_value_and_grad(const struct Batch *batch,
                                    const struct FocalOptions *options,
                                    float *grad,
                                    float *loss,
                                    struct ErrorReport *error);

/*
 Exponent 2, no balance, all weights 1, `SCARCE_REDUCTION_MEAN`.
 */
struct SigmoidFocalOptions scarce_sigmoid_focal_default(void);

/*
 Focal loss on a sigmoid: the loss.
 */
int32_t scarce_sigmoid_focal_value(const struct Batch *batch,
                                   const struct SigmoidFocalOptions *options,
                                   float *loss,
                                   struct ErrorReport *error);

/*
 Focal loss on a sigmoid: the loss, and `grad += scale * gradient`.
 */
int32_t scarce_sigmoid_focal_add_grad(const struct Batch *batch,
                                      const struct SigmoidFocalOptions *options,
                                      float scale,
                                      float *grad,
                                      float *loss,
                                      struct ErrorReport *error);

/*
 Focal loss on a sigmoid: the loss, and `grad = gradient`.
 */
int32_t scarce_sigmoid_focal_value_and_grad(const struct Batch *batch,
                                            const struct SigmoidFocalOptions *options,
                                            float *grad,
                                            float *loss,
                                            struct ErrorReport *error);

/*
 Dice with smoothing 1, image by image, the mean over classes.
 */
struct OverlapOptions scarce_overlap_default(void);

/*
 Overlap on a softmax: the loss.
 */
int32_t scarce_overlap_value(const struct Batch *batch,
                             const struct OverlapOptions *options,
                             float *loss,
                             struct ErrorReport *error);

/*
 Overlap on a softmax: the loss, and `grad += scale * gradient`.
 */
int32_t scarce_overlap_add_grad(const struct Batch *batch,
                                const struct OverlapOptions *options,
                                float scale,
                                float *grad,
                                float *loss,
                                struct ErrorReport *error);

/*
 Overlap on a softmax: the loss, and `grad = gradient`.
 */
int32_t scarce_overlap_value_and_grad(const struct Batch *batch,
                                      const struct OverlapOptions *options,
                                      float *grad,
                                      float *loss,
                                      struct ErrorReport *error);

/*
 Overlap on a sigmoid in each channel: the loss.
 */
int32_t scarce_overlap_sigmoid_value(const struct Batch *batch,
                                     const struct OverlapOptions *options,
                                     float *loss,
                                     struct ErrorReport *error);

/*
 Overlap on a sigmoid in each channel: the loss, and `grad += scale * gradient`.
 */
int32_t scarce_overlap_sigmoid_add_grad(const struct Batch *batch,
                                        const struct OverlapOptions *options,
                                        float scale,
                                        float *grad,
                                        float *loss,
                                        struct ErrorReport *error);

/*
 Overlap on a sigmoid in each channel: the loss, and `grad = gradient`.
 */
int32_t scarce_overlap_sigmoid_value_and_grad(const struct Batch *batch,
                                              const struct OverlapOptions *options,
                                              float *grad,
                                              float *loss,
                                              struct ErrorReport *error);

/*
 All weights 1, the classes that are present, over the whole batch.
 */
struct LovaszOptions scarce_lovasz_default(void);

/*
 Words of scratch that `scarce_lovasz_value` and `scarce_lovasz_add_grad` need.
 */
size_t scarce_lovasz_scratch_len(size_t pixels);

/*
 Words of scratch that `scarce_lovasz_value_and_grad` needs: fewer.
 */
size_t scarce_lovasz_scratch_len_to_write(size_t pixels);

/*
 Lovasz-softmax: the loss.

 `scratch` has `scarce_lovasz_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_lovasz_value(const struct Batch *batch,
                            const struct LovaszOptions *options,
                            uint32_t *scratch,
                            size_t scratch_len,
                            float *loss,
                            struct ErrorReport *error);

/*
 Lovasz-softmax: the loss, and `grad += scale * gradient`.

 `scratch` has `scarce_lovasz_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_lovasz_add_grad(const struct Batch *batch,
                               const struct LovaszOptions *options,
                               float scale,
                               float *grad,
                               uint32_t *scratch,
                               size_t scratch_len,
                               float *loss,
                               struct ErrorReport *error);

/*
 Lovasz-softmax: the loss, and `grad = gradient`.

 `scratch` has `scarce_lovasz_scratch_len_to_write(pixels)` words at least.
 */
int32_t scarce_lovasz_value_and_grad(const struct Batch *batch,
                                     const struct LovaszOptions *options,
                                     float *grad,
                                     uint32_t *scratch,
                                     size_t scratch_len,
                                     float *loss,
                                     struct ErrorReport *error);

/*
 Words of scratch that `scarce_lovasz_heap_value` and `scarce_lovasz_heap_add_grad` need.
 */
size_t scarce_lovasz_heap_scratch_len(size_t pixels);

/*
 Words of scratch that `scarce_lovasz_heap_value_and_grad` needs: fewer.
 */
size_t scarce_lovasz_heap_scratch_len_to_write(size_t pixels);

/*
 Lovasz-softmax by a sort that is slower and needs less scratch; the same bits: the loss.

 `scratch` has `scarce_lovasz_heap_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_lovasz_heap_value(const struct Batch *batch,
                                 const struct LovaszOptions *options,
                                 uint32_t *scratch,
                                 size_t scratch_len,
                                 float *loss,
                                 struct ErrorReport *error);

/*
 Lovasz-softmax by a sort that is slower and needs less scratch; the same bits: the loss, and `grad += scale * gradient`.

 `scratch` has `scarce_lovasz_heap_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_lovasz_heap_add_grad(const struct Batch *batch,
                                    const struct LovaszOptions *options,
                                    float scale,
                                    float *grad,
                                    uint32_t *scratch,
                                    size_t scratch_len,
                                    float *loss,
                                    struct ErrorReport *error);

/*
 Lovasz-softmax by a sort that is slower and needs less scratch; the same bits: the loss, and `grad = gradient`.

 `scratch` has `scarce_lovasz_heap_scratch_len_to_write(pixels)` words at least.
 */
int32_t scarce_lovasz_heap_value_and_grad(const struct Batch *batch,
                                          const struct LovaszOptions *options,
                                          float *grad,
                                          uint32_t *scratch,
                                          size_t scratch_len,
                                          float *loss,
                                          struct ErrorReport *error);

/*
 max(e, 0), over the whole batch.
 */
struct LovaszHingeOptions scarce_lovasz_hinge_default(void);

/*
 Words of scratch that `scarce_lovasz_hinge_value` and `scarce_lovasz_hinge_add_grad` need.
 */
size_t scarce_lovasz_hinge_scratch_len(size_t pixels);

/*
 Words of scratch that `scarce_lovasz_hinge_value_and_grad` needs: fewer.
 */
size_t scarce_lovasz_hinge_scratch_len_to_write(size_t pixels);

/*
 Lovasz hinge: the loss.

 `scratch` has `scarce_lovasz_hinge_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_lovasz_hinge_value(const struct Batch *batch,
                                  const struct LovaszHingeOptions *options,
                                  uint32_t *scratch,
                                  size_t scratch_len,
                                  float *loss,
                                  struct ErrorReport *error);

/*
 Lovasz hinge: the loss, and `grad += scale * gradient`.

 `scratch` has `scarce_lovasz_hinge_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_lovasz_hinge_add_grad(const struct Batch *batch,
                                     const struct LovaszHingeOptions *options,
                                     float scale,
                                     float *grad,
                                     uint32_t *scratch,
                                     size_t scratch_len,
                                     float *loss,
                                     struct ErrorReport *error);

/*
 Lovasz hinge: the loss, and `grad = gradient`.

 `scratch` has `scarce_lovasz_hinge_scratch_len_to_write(pixels)` words at least.
 */
int32_t scarce_lovasz_hinge_value_and_grad(const struct Batch *batch,
                                           const struct LovaszHingeOptions *options,
                                           float *grad,
                                           uint32_t *scratch,
                                           size_t scratch_len,
                                           float *loss,
                                           struct ErrorReport *error);

/*
 Words of scratch that `scarce_lovasz_hinge_heap_value` and `scarce_lovasz_hinge_heap_add_grad` need.
 */
size_t scarce_lovasz_hinge_heap_scratch_len(size_t pixels);

/*
 Words of scratch that `scarce_lovasz_hinge_heap_value_and_grad` needs: fewer.
 */
size_t scarce_lovasz_hinge_heap_scratch_len_to_write(size_t pixels);

/*
 Lovasz hinge by a sort that is slower and needs less scratch; the same bits: the loss.

 `scratch` has `scarce_lovasz_hinge_heap_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_lovasz_hinge_heap_value(const struct Batch *batch,
                                       const struct LovaszHingeOptions *options,
                                       uint32_t *scratch,
                                       size_t scratch_len,
                                       float *loss,
                                       struct ErrorReport *error);

/*
 Lovasz hinge by a sort that is slower and needs less scratch; the same bits: the loss, and `grad += scale * gradient`.

 `scratch` has `scarce_lovasz_hinge_heap_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_lovasz_hinge_heap_add_grad(const struct Batch *batch,
                                          const struct LovaszHingeOptions *options,
                                          float scale,
                                          float *grad,
                                          uint32_t *scratch,
                                          size_t scratch_len,
                                          float *loss,
                                          struct ErrorReport *error);

/*
 Lovasz hinge by a sort that is slower and needs less scratch; the same bits: the loss, and `grad = gradient`.

 `scratch` has `scarce_lovasz_hinge_heap_scratch_len_to_write(pixels)` words at least.
 */
int32_t scarce_lovasz_hinge_heap_value_and_grad(const struct Batch *batch,
                                                const struct LovaszHingeOptions *options,
                                                float *grad,
                                                uint32_t *scratch,
                                                size_t scratch_len,
                                                float *loss,
                                                struct ErrorReport *error);

/*
 p below 0.7, at least a sixteenth of all pixels, of plain cross entropy.
 */
struct OhemOptions scarce_ohem_default(void);

/*
 Words of scratch that the loss needs, whatever the function.
 */
size_t scarce_ohem_scratch_len(size_t pixels);

/*
 Hard example mining over cross entropy: the loss.

 `scratch` has `scarce_ohem_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_ohem_value(const struct Batch *batch,
                          const struct OhemOptions *options,
                          uint32_t *scratch,
                          size_t scratch_len,
                          float *loss,
                          struct ErrorReport *error);

/*
 Hard example mining over cross entropy: the loss, and `grad += scale * gradient`.

 `scratch` has `scarce_ohem_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_ohem_add_grad(const struct Batch *batch,
                             const struct OhemOptions *options,
                             float scale,
                             float *grad,
                             uint32_t *scratch,
                             size_t scratch_len,
                             float *loss,
                             struct ErrorReport *error);

/*
 Hard example mining over cross entropy: the loss, and `grad = gradient`.

 `scratch` has `scarce_ohem_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_ohem_value_and_grad(const struct Batch *batch,
                                   const struct OhemOptions *options,
                                   float *grad,
                                   uint32_t *scratch,
                                   size_t scratch_len,
                                   float *loss,
                                   struct ErrorReport *error);

/*
 Both weights 1, the defaults of both.
 */
struct CrossEntropyLovaszOptions scarce_cross_entropy_lovasz_default(void);

/*
 Words of scratch that `scarce_cross_entropy_lovasz_value` and `scarce_cross_entropy_lovasz_add_grad` need.
 */
size_t scarce_cross_entropy_lovasz_scratch_len(size_t pixels);

/*
 Words of scratch that `scarce_cross_entropy_lovasz_value_and_grad` needs: fewer.
 */
size_t scarce_cross_entropy_lovasz_scratch_len_to_write(size_t pixels);

/*
 Cross entropy and Lovasz-softmax: the loss.

 `scratch` has `scarce_cross_entropy_lovasz_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_cross_entropy_lovasz_value(const struct Batch *batch,
                                          const struct CrossEntropyLovaszOptions *options,
                                          uint32_t *scratch,
                                          size_t scratch_len,
                                          float *loss,
                                          struct ErrorReport *error);

/*
 Cross entropy and Lovasz-softmax: the loss, and `grad += scale * gradient`.

 `scratch` has `scarce_cross_entropy_lovasz_scratch_len(pixels)` words of 32 bits at least.
 */
int32_t scarce_cross_entropy_lovasz_add_grad(const struct Batch *batch,
                                             const struct CrossEntropyLovaszOptions *options,
                                             float scale,
                                             float *grad,
                                             uint32_t *scratch,
                                             size_t scratch_len,
                                             float *loss,
                                             struct ErrorReport *error);

/*
 Cross entropy and Lovasz-softmax: the loss, and `grad = gradient`.

 `scratch` has `scarce_cross_entropy_lovasz_scratch_len_to_write(pixels)` words at least.
 */
int32_t scarce_cross_entropy_lovasz_value_and_grad(const struct Batch *batch,
                                                   const struct CrossEntropyLovaszOptions *options,
                                                   float *grad,
                                                   uint32_t *scratch,
                                                   size_t scratch_len,
                                                   float *loss,
                                                   struct ErrorReport *error);

/*
 Both weights 1, the defaults of both: cross entropy and Dice.
 */
struct CrossEntropyOverlapOptions scarce_cross_entropy_overlap_default(void);

/*
 Cross entropy and an overlap loss: the loss.
 */
int32_t scarce_cross_entropy_overlap_value(const struct Batch *batch,
                                           const struct CrossEntropyOverlapOptions *options,
                                           float *loss,
                                           struct ErrorReport *error);

/*
 Cross entropy and an overlap loss: the loss, and `grad += scale * gradient`.
 */
int32_t scarce_cross_entropy_overlap_add_grad(const struct Batch *batch,
                                              const struct CrossEntropyOverlapOptions *options,
                                              float scale,
                                              float *grad,
                                              float *loss,
                                              struct ErrorReport *error);

/*
 Cross entropy and an overlap loss: the loss, and `grad = gradient`.
 */
int32_t scarce_cross_entropy_overlap_value_and_grad(const struct Batch *batch,
                                                    const struct CrossEntropyOverlapOptions *options,
                                                    float *grad,
                                                    float *loss,
                                                    struct ErrorReport *error);

/*
 All weights 1; images without a valid pixel count as none.
 */
struct SemanticEncodingOptions scarce_semantic_encoding_default(void);

/*
 Semantic encoding: the loss.
 */
int32_t scarce_semantic_encoding_value(const struct Presence *presence,
                                       const struct SemanticEncodingOptions *options,
                                       float *loss,
                                       struct ErrorReport *error);

/*
 Semantic encoding: the loss, and `grad += scale * gradient`, `images * classes` of them.
 */
int32_t scarce_semantic_encoding_add_grad(const struct Presence *presence,
                                          const struct SemanticEncodingOptions *options,
                                          float scale,
                                          float *grad,
                                          float *loss,
                                          struct ErrorReport *error);

/*
 Semantic encoding: the loss, and `grad = gradient`, `images * classes` of them.
 */
int32_t scarce_semantic_encoding_value_and_grad(const struct Presence *presence,
                                                const struct SemanticEncodingOptions *options,
                                                float *grad,
                                                float *loss,
                                                struct ErrorReport *error);

/*
 Temperature 0.1, the loss not rescaled, embeddings taken as they are.
 */
struct PixelContrastOptions scarce_pixel_contrast_default(void);

/*
 Words of scratch for so many anchors, or embeddings where all are anchors.
 */
size_t scarce_pixel_contrast_scratch_len(size_t anchors);

/*
 Pixel contrast: the loss. `scratch` has `scarce_pixel_contrast_scratch_len(anchors)` words of 32 bits at least.
 */
int32_t scarce_pixel_contrast_value(const struct Embeddings *embeddings,
                                    const struct PixelContrastOptions *options,
                                    uint32_t *scratch,
                                    size_t scratch_len,
                                    float *loss,
                                    struct ErrorReport *error);

/*
 Pixel contrast: the loss, and `grad += scale * gradient`, `number * dimensions` of them. Scratch as for the loss.
 */
int32_t scarce_pixel_contrast_add_grad(const struct Embeddings *embeddings,
                                       const struct PixelContrastOptions *options,
                                       float scale,
                                       float *grad,
                                       uint32_t *scratch,
                                       size_t scratch_len,
                                       float *loss,
                                       struct ErrorReport *error);

/*
 Pixel contrast: the loss, and `grad = gradient`, `number * dimensions` of them. Scratch as for the loss.
 */
int32_t scarce_pixel_contrast_value_and_grad(const struct Embeddings *embeddings,
                                             const struct PixelContrastOptions *options,
                                             float *grad,
                                             uint32_t *scratch,
                                             size_t scratch_len,
                                             float *loss,
                                             struct ErrorReport *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SCARCE_H */
