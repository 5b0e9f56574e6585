#include "postgres.h"
#include "tableam/compaction.h"
void
settle_payload(Compaction *compaction)
{
}
