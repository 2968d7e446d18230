/* The losses of scarce, for C99 and later.
   Written by cbindgen from core/c/src: SCARCE_HEADER=write cargo test -p scarce-c --features header --test header

   Every function but those that return defaults or lengths returns one of enum scarce_status. Unless that is
   SCARCE_STATUS_OK, nothing has been written but the struct scarce_error, which may be NULL. Options may be NULL: the
   defaults. Any other pointer to something may be NULL only where there is nothing: no pixels, no scratch. What is written
   (grad, scratch) overlaps nothing else. What scratch holds is irrelevant. During a call nobody else, be it a thread, an
   interrupt or DMA, writes what is read, nor reads or writes what is written (grad, scratch, loss, error). */
