/*
 * label_codec.c
 *	  Label sets as packed columns, and back.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/label_codec.h"

/*
 * Append label sets, of which there is one at least.  The scratch is as long
 * as there are sets, and labels.
 */
void
label_sets_write(const uint32 *set_end, uint32 nsets,
				 const ProfileLabel *labels, ColumnScratch *scratch,
				 TextBuffer *out)
{
	uint32		nlabels = set_end[nsets - 1];

	WRITE_COLUMN32(scratch, out, nsets,
				   set_end[i] - (i == 0 ? 0 : set_end[i - 1]));
	WRITE_COLUMN32(scratch, out, nlabels, labels[i].key);
	WRITE_COLUMN32(scratch, out, nlabels, labels[i].is_number);
	WRITE_COLUMN32(scratch, out, nlabels,
				   labels[i].is_number ? labels[i].unit : labels[i].string);
	WRITE_COLUMN64(scratch, out, nlabels, zigzag_encode(labels[i].number));
}

/*
 * Read label sets, with the reader's scratch.  *set_end and *labels come from
 * its allocator.  Returns false with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
label_sets_read(ColumnReader *reader, uint32 nstrings, uint32 nsets,
				uint32 nlabels, uint32 **set_end, ProfileLabel **labels)
{
	uint64		end = 0;

	*labels = columns_array(reader, nlabels, sizeof(ProfileLabel));
	if (*labels == NULL)
		return false;
	*set_end = columns_array(reader, nsets, sizeof(uint32));
	if (*set_end == NULL || !read_column32(reader, nsets, "label sets"))
		return false;
	for (uint32 i = 0; i < nsets; i++)
	{
		end += reader->scratch.numbers32[i];
		if (end > nlabels || (i == 0 && end > 0))
			return columns_corrupt(reader, "label sets");
		(*set_end)[i] = end;
	}
	if (nsets == 0 || end != nlabels)
		return columns_corrupt(reader, "label sets");
	READ_INDEXES(reader, nlabels, nstrings, (*labels)[i].key, "label keys");
	READ_INDEXES(reader, nlabels, 2, (*labels)[i].is_number, "label kinds");
	READ_INDEXES(reader, nlabels, nstrings, (*labels)[i].string,
				 "label values");
	for (uint32 i = 0; i < nlabels; i++)
	{
		ProfileLabel *label = &(*labels)[i];

		label->unit = label->is_number ? label->string : 0;
		if (label->is_number)
			label->string = 0;
	}
	READ_NUMBERS64(reader, nlabels, (*labels)[i].number, zigzag_decode,
				   "label numbers");
	return true;
}
