/* The bits of losses on fixed data, computed by C: the lines of tests/expected/bits.txt. Before them, a step of training as a
   firmware takes it. */
#include "board.h"
#include "scarce.h"

enum { PIXELS = 48, IMAGES = 2, CLASSES = 4, IGNORED = 255 };

/* ---- A step of training: what one call needs, and what becomes of an error. */

static float logits[PIXELS * CLASSES];
static float gradient[PIXELS * CLASSES];
static uint8_t labels[PIXELS];
static uint32_t scratch[SCARCE_CROSS_ENTROPY_LOVASZ_SCRATCH_LEN_TO_WRITE(PIXELS)];

static void print_number(uint32_t number)
{
    char text[11], *first = text + sizeof text - 1;
    *first = 0;
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    print(first);
}

/* Writes the gradient; whether there is one. */
static int step(float *loss)
{
    const struct scarce_batch batch = {
        .logits = logits,
        .labels = labels,
        .pixels = PIXELS,
        .classes = CLASSES,
        .images = IMAGES,
        .layout = SCARCE_LAYOUT_ROWS,
        .has_ignore = 1,
        .ignore = IGNORED,
    };
    struct scarce_cross_entropy_lovasz_options options = scarce_cross_entropy_lovasz_default();
    options.lovasz_weight = 0.5f;

    struct scarce_error error;
    switch (scarce_cross_entropy_lovasz_value_and_grad(&batch, &options, gradient, scratch,
                                                       sizeof scratch / sizeof *scratch, loss, &error)) {
    case SCARCE_STATUS_OK:
        return 1;
    case SCARCE_STATUS_LABEL: /* such as of a frame that came over a bad line */
        print("pixel ");
        print_number((uint32_t)error.index);
        print(" has label ");
        print_number(error.label);
        print(": the step is left out\n");
        return 0;
    default:
        print("status ");
        print_number((uint32_t)error.status);
        print(": the step is left out\n");
        return 0;
    }
}

/* ---- The data. */

static uint32_t state;

static uint32_t next(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Between -6 and 6. */
static void fill_logits(float *scores, size_t number)
{
    state = 2024;
    while (number--)
        *scores++ = ((float)next() - 8388608.0f) * (6.0f / 8388608.0f);
}

/* Few pixels of the last class, some ignored. */
static void fill_labels(uint8_t *classes_of, uint32_t classes)
{
    state = 7;
    for (int pixel = 0; pixel < PIXELS; pixel++) {
        const uint32_t number = next() % 16, most = classes - 1;
        const uint32_t usual = number % 3 < most ? number % 3 : most;
        classes_of[pixel] = (uint8_t)(number == 0 ? IGNORED : number == 1 ? most : usual);
    }
}

/* ---- The lines. */

static float loss;
static struct scarce_error error;
static int failed;

static void print_hex(uint32_t number)
{
    char text[9];
    for (int digit = 0; digit < 8; digit++)
        text[digit] = "0123456789abcdef"[number >> (28 - 4 * digit) & 15];
    text[8] = 0;
    print(text);
}

static uint32_t bits_of(float value)
{
    union {
        float value;
        uint32_t bits;
    } both = {value};
    return both.bits;
}

/* FNV-1a of one more word, little-endian. */
static uint64_t hashed(uint64_t hash, uint32_t word)
{
    for (int byte = 0; byte < 4; byte++)
        hash = (hash ^ (word >> 8 * byte & 0xff)) * 0x100000001b3u;
    return hash;
}

static void tell(const char *name, int32_t status, size_t scores)
{
    if (status != SCARCE_STATUS_OK) {
        print("error: ");
        print(name);
        print(": status ");
        print_number((uint32_t)status);
        print("\n");
        failed = 1;
        return;
    }
    uint64_t hash = hashed(0xcbf29ce484222325u, bits_of(loss));
    for (size_t place = 0; place < scores; place++)
        hash = hashed(hash, bits_of(gradient[place]));
    print(name);
    print("; Fast: ");
    print_hex(bits_of(loss));
    print(" ");
    print_hex((uint32_t)(hash >> 32));
    print_hex((uint32_t)hash);
    print("\n");
}

/* As much as any loss needs. */
static uint32_t words[SCARCE_LOVASZ_SCRATCH_LEN(PIXELS)];
enum { WORDS = sizeof words / sizeof *words };

static void of_softmax(const struct scarce_batch *batch)
{
    static const float weights[CLASSES] = {0.5f, 1.0f, 0.0f, 3.0f}, adjustment[CLASSES] = {0.0f, -1.0f, -2.0f, -4.0f};
    const size_t scores = batch->pixels * batch->classes;

    struct scarce_cross_entropy_options entropy = scarce_cross_entropy_default();
    tell("cross entropy", scarce_cross_entropy_value_and_grad(batch, NULL, gradient, &loss, &error), scores);
    entropy.weights = weights;
    tell("cross entropy, weights", scarce_cross_entropy_value_and_grad(batch, &entropy, gradient, &loss, &error), scores);
    entropy = scarce_cross_entropy_default();
    entropy.label_smoothing = 0.1f;
    tell("cross entropy, label smoothing",
         scarce_cross_entropy_value_and_grad(batch, &entropy, gradient, &loss, &error), scores);
    entropy = scarce_cross_entropy_default();
    entropy.logit_adjustment = adjustment;
    entropy.reduction = SCARCE_REDUCTION_SUM;
    tell("cross entropy, logit adjustment, sum",
         scarce_cross_entropy_value_and_grad(batch, &entropy, gradient, &loss, &error), scores);

    struct scarce_focal_options focal = scarce_focal_default();
    tell("focal", scarce_focal_value_and_grad(batch, &focal, gradient, &loss, &error), scores);
    focal.gamma = 0.7f;
    focal.alpha = weights;
    tell("focal, gamma 0.7, alpha", scarce_focal_value_and_grad(batch, &focal, gradient, &loss, &error), scores);
}

static void of_one_against_the_rest(const struct scarce_batch *batch)
{
    static const float threes[CLASSES] = {3.0f, 3.0f, 3.0f, 3.0f}, quarters[CLASSES] = {0.25f, 0.25f, 0.25f, 0.25f};
    const size_t scores = batch->pixels * batch->classes;

    struct scarce_binary_cross_entropy_options entropy = scarce_binary_cross_entropy_default();
    entropy.pos_weights = threes;
    tell("binary cross entropy, one against the rest",
         scarce_binary_cross_entropy_value_and_grad(batch, &entropy, gradient, &loss, &error), scores);
    struct scarce_sigmoid_focal_options focal = scarce_sigmoid_focal_default();
    focal.alpha = quarters;
    tell("sigmoid focal, one against the rest",
         scarce_sigmoid_focal_value_and_grad(batch, &focal, gradient, &loss, &error), scores);
}

static void of_overlap(const struct scarce_batch *batch)
{
    const size_t scores = batch->pixels * batch->classes;
    const struct scarce_overlap_options dice = scarce_overlap_default();

    struct scarce_overlap_options options = dice;
    tell("Dice", scarce_overlap_value_and_grad(batch, NULL, gradient, &loss, &error), scores);
    options.squared = 1;
    options.per_batch = 1;
    tell("Dice, squared, per batch", scarce_overlap_value_and_grad(batch, &options, gradient, &loss, &error), scores);
    options = dice;
    options.micro = 1;
    options.form = SCARCE_FORM_LOG;
    tell("Dice, micro, logarithmic", scarce_overlap_value_and_grad(batch, &options, gradient, &loss, &error), scores);
    options = dice;
    options.absent = SCARCE_ABSENT_SKIP;
    tell("Dice, sigmoid, absent skipped",
         scarce_overlap_sigmoid_value_and_grad(batch, &options, gradient, &loss, &error), scores);
    options = dice;
    options.volume_weights = SCARCE_VOLUME_WEIGHTS_SIMPLE;
    tell("Dice, volume weights", scarce_overlap_value_and_grad(batch, &options, gradient, &loss, &error), scores);
    options = dice;
    options.index = SCARCE_INDEX_JACCARD;
    tell("Jaccard", scarce_overlap_value_and_grad(batch, &options, gradient, &loss, &error), scores);
    options.index = SCARCE_INDEX_TVERSKY;
    options.alpha = 0.3f;
    options.beta = 0.7f;
    tell("Tversky", scarce_overlap_value_and_grad(batch, &options, gradient, &loss, &error), scores);
    options.form = SCARCE_FORM_FOCAL;
    options.gamma = 0.75f;
    tell("focal Tversky", scarce_overlap_value_and_grad(batch, &options, gradient, &loss, &error), scores);
    options = dice;
    options.volume_weights = SCARCE_VOLUME_WEIGHTS_SQUARE;
    options.smoothing[0] = options.smoothing[1] = 0.0f;
    tell("generalised Dice", scarce_overlap_value_and_grad(batch, &options, gradient, &loss, &error), scores);
}

static void of_sorted(const struct scarce_batch *batch)
{
    const size_t scores = batch->pixels * batch->classes;

    struct scarce_lovasz_options lovasz = scarce_lovasz_default();
    tell("Lov\303\241sz", scarce_lovasz_value_and_grad(batch, NULL, gradient, words, WORDS, &loss, &error), scores);
    tell("Lov\303\241sz by heap",
         scarce_lovasz_heap_value_and_grad(batch, NULL, gradient, words, WORDS, &loss, &error), scores);
    lovasz.per_image = 1;
    lovasz.classes = SCARCE_CLASSES_ALL;
    tell("Lov\303\241sz, per image, all classes",
         scarce_lovasz_value_and_grad(batch, &lovasz, gradient, words, WORDS, &loss, &error), scores);

    struct scarce_ohem_options ohem = scarce_ohem_default();
    ohem.thresh = 0.3f;
    tell("OHEM", scarce_ohem_value_and_grad(batch, &ohem, gradient, words, WORDS, &loss, &error), scores);
    ohem.rule = SCARCE_OHEM_RULE_PADDLE;
    ohem.thresh = 0.01f;
    ohem.min_kept = SCARCE_MIN_KEPT_PIXELS;
    ohem.min_kept_pixels = 20;
    tell("OHEM, PaddleSeg", scarce_ohem_value_and_grad(batch, &ohem, gradient, words, WORDS, &loss, &error), scores);
    ohem.rule = SCARCE_OHEM_RULE_TOP_K;
    ohem.min_kept = SCARCE_MIN_KEPT_FRACTION;
    ohem.min_kept_fraction = 0.2f;
    tell("OHEM, top k", scarce_ohem_value_and_grad(batch, &ohem, gradient, words, WORDS, &loss, &error), scores);
    ohem.rule = SCARCE_OHEM_RULE_LOSS_THRESHOLD;
    ohem.thresh = 2.0f;
    ohem.min_kept_fraction = 0.1f;
    tell("OHEM, loss threshold", scarce_ohem_value_and_grad(batch, &ohem, gradient, words, WORDS, &loss, &error), scores);
}

/* One logit a pixel, labels 0 and 1. */
static void of_binary(const struct scarce_batch *batch)
{
    const size_t scores = batch->pixels;

    struct scarce_binary_cross_entropy_options entropy = scarce_binary_cross_entropy_default();
    entropy.label_weights[0] = 0.5f;
    entropy.label_weights[1] = 2.0f;
    tell("binary cross entropy", scarce_binary_cross_entropy_value_and_grad(batch, &entropy, gradient, &loss, &error),
         scores);
    static const float quarter = 0.25f;
    struct scarce_sigmoid_focal_options focal = scarce_sigmoid_focal_default();
    focal.gamma = 1.5f;
    focal.alpha = &quarter;
    tell("sigmoid focal", scarce_sigmoid_focal_value_and_grad(batch, &focal, gradient, &loss, &error), scores);

    struct scarce_lovasz_hinge_options hinge = scarce_lovasz_hinge_default();
    tell("Lov\303\241sz hinge",
         scarce_lovasz_hinge_value_and_grad(batch, NULL, gradient, words, WORDS, &loss, &error), scores);
    hinge.elu = hinge.per_image = 1;
    tell("Lov\303\241sz hinge, ELU, per image, by heap",
         scarce_lovasz_hinge_heap_value_and_grad(batch, &hinge, gradient, words, WORDS, &loss, &error), scores);
}

static void of_presence(const uint8_t *classes_of)
{
    static const float presence[IMAGES * CLASSES] = {0.3f, -1.5f, 2.0f, -0.25f, -4.0f, 0.125f, 0.5f, 1.0f};
    static const float weights[CLASSES] = {0.5f, 1.0f, 2.0f, 3.0f};
    const struct scarce_presence images = {
        .logits = presence,
        .labels = classes_of,
        .images = IMAGES,
        .classes = CLASSES,
        .pixels = PIXELS,
        .has_ignore = 1,
        .ignore = IGNORED,
    };
    struct scarce_semantic_encoding_options options = scarce_semantic_encoding_default();
    options.weights = weights;
    tell("semantic encoding", scarce_semantic_encoding_value_and_grad(&images, &options, gradient, &loss, &error),
         IMAGES * CLASSES);
}

/* ---- Whether planes are built in. */

static void of_planes(struct scarce_batch batch)
{
    batch.layout = SCARCE_LAYOUT_PLANES;
    const int32_t status = scarce_cross_entropy_value(&batch, NULL, &loss, &error);
    if (status == SCARCE_STATUS_LAYOUT_NOT_BUILT && error.status == status && error.got == SCARCE_LAYOUT_PLANES)
        print("planes: not built in\n");
    else if (status == SCARCE_STATUS_OK)
        print("planes: built in\n");
    else
        tell("planes", status, 0);
}

/* ---- Whether the macros say what the functions do. */

#define AGREE(macro, function) (macro(pixels) == function(pixels))

static int lengths_agree(size_t pixels)
{
    return AGREE(SCARCE_LOVASZ_SCRATCH_LEN, scarce_lovasz_scratch_len) &&
           AGREE(SCARCE_LOVASZ_SCRATCH_LEN_TO_WRITE, scarce_lovasz_scratch_len_to_write) &&
           AGREE(SCARCE_LOVASZ_HEAP_SCRATCH_LEN, scarce_lovasz_heap_scratch_len) &&
           AGREE(SCARCE_LOVASZ_HEAP_SCRATCH_LEN_TO_WRITE, scarce_lovasz_heap_scratch_len_to_write) &&
           AGREE(SCARCE_LOVASZ_HINGE_SCRATCH_LEN, scarce_lovasz_hinge_scratch_len) &&
           AGREE(SCARCE_LOVASZ_HINGE_SCRATCH_LEN_TO_WRITE, scarce_lovasz_hinge_scratch_len_to_write) &&
           AGREE(SCARCE_LOVASZ_HINGE_HEAP_SCRATCH_LEN, scarce_lovasz_hinge_heap_scratch_len) &&
           AGREE(SCARCE_LOVASZ_HINGE_HEAP_SCRATCH_LEN_TO_WRITE, scarce_lovasz_hinge_heap_scratch_len_to_write) &&
           AGREE(SCARCE_CROSS_ENTROPY_LOVASZ_SCRATCH_LEN, scarce_cross_entropy_lovasz_scratch_len) &&
           AGREE(SCARCE_CROSS_ENTROPY_LOVASZ_SCRATCH_LEN_TO_WRITE, scarce_cross_entropy_lovasz_scratch_len_to_write) &&
           AGREE(SCARCE_OHEM_SCRATCH_LEN, scarce_ohem_scratch_len) &&
           AGREE(SCARCE_PIXEL_CONTRAST_SCRATCH_LEN, scarce_pixel_contrast_scratch_len);
}

static void check_lengths(void)
{
    for (size_t pixels = 0; pixels < 200000; pixels++)
        if (!lengths_agree(pixels)) {
            print("error: a macro and its function differ for ");
            print_number((uint32_t)pixels);
            print(" pixels\n");
            failed = 1;
            return;
        }
    print("lengths of scratch: macros and functions agree\n");
}

int main(void)
{
    static uint8_t binary[PIXELS];
    struct scarce_batch batch = {
        .logits = logits,
        .labels = labels,
        .pixels = PIXELS,
        .classes = CLASSES,
        .images = IMAGES,
        .has_ignore = 1,
        .ignore = IGNORED,
    };
    fill_labels(labels, CLASSES);
    fill_labels(binary, 2);
    fill_logits(logits, PIXELS * CLASSES);

    const uint8_t label = labels[5];
    labels[5] = 9;
    failed |= step(&loss); /* must not be taken */
    labels[5] = label;
    failed |= !step(&loss);
    tell("cross entropy + Lov\303\241sz", SCARCE_STATUS_OK, PIXELS * CLASSES);

    of_softmax(&batch);
    of_one_against_the_rest(&batch);
    of_overlap(&batch);
    of_sorted(&batch);
    of_presence(labels);
    of_planes(batch);
    fill_logits(logits, PIXELS);
    batch.classes = 1;
    batch.labels = binary;
    of_binary(&batch);
    check_lengths();
    return failed;
}
