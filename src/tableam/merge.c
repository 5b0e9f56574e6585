#include "postgres.h"
#include "tableam/compaction.h"
void
compact_blocks(Compaction *compaction)
{
}
void
settle_payload(Compaction *compaction)
{
}
