/*
 * label_codec.h
 *	  Label sets as packed columns, and back.
 *
 * Number of labels of each set; per label: key, kind, text or unit, number.
 */
#ifndef PYRO_LABEL_CODEC_H
#define PYRO_LABEL_CODEC_H

#include "profile/profile.h"
#include "stack/columns.h"

extern void label_sets_write(const uint32 *set_end, uint32 nsets,
							 const ProfileLabel *labels,
							 ColumnScratch *scratch, TextBuffer *out);
extern bool label_sets_read(ColumnReader *reader, uint32 nstrings,
							uint32 nsets, uint32 nlabels, uint32 **set_end,
							ProfileLabel **labels);

#endif							/* PYRO_LABEL_CODEC_H */
