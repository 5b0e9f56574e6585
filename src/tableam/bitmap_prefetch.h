/*
 * bitmap_prefetch.h
 *	  Bitmap scans of our tables must not read ahead by themselves.
 */
#ifndef PYRO_BITMAP_PREFETCH_H
#define PYRO_BITMAP_PREFETCH_H

/* Set up what keeps them from it, where the version needs it. */
void		bitmap_prefetch_init(void);

#endif							/* PYRO_BITMAP_PREFETCH_H */
