
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
