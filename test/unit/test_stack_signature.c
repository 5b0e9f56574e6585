/*
 * test_stack_signature.c
 *	  Signatures of rows: alike for the same service, in whatever block it is,
 *	  however often it is asked; not for services that share their runtime only.
 */
#include "postgres_fe.h"

#include <math.h>

#include "block/stack_signature.h"
#include "profile/folded.h"

#include "unit.h"

#define MAX_MEMORY	((size_t) 1 << 30)
#define ROWS		32			/* of each of two services in a block */

static const ProfileLimits limits = {
	.max_size = (size_t) 64 << 20,
	.max_samples = 1000000,
	.max_stack_depth = 100000
};

static UnitRandom random_state;

/* A service's profile: a fifth of the samples is in a runtime that all have. */
static void
write_folded(char *text, uint32 service, uint32 nsamples)
{
	*text = '\0';
	for (uint32 i = 0; i < nsamples; i++)
	{
		uint32		often = unit_below(&random_state, unit_below(&random_state, 100) + 1);

		if (i % 5 == 0)
			text += sprintf(text, "main;runtime.f%u;runtime.g%u 1\n", often % 7, often % 13);
		else
			text += sprintf(text, "main;s%u.f%u;s%u.g%u;s%u.h%u %u\n", service, often % 5, service,
							often % 31, service, often, i + 1);
	}
}

/* A block with rows of two services, the first ones of the first. */
static StackBlock *
make_block(uint32 first, uint32 second, uint32 nsamples, UnitMemory *memory)
{
	PyroError	error = {0};
	StackBuilder *builder = stack_builder_create(&memory->allocator, &error);
	TextBuffer	parts[STACK_PART_END];
	ByteRange	ranges[STACK_PART_END] = {{0}};
	StackBlock *block = NULL;
	char	   *text = malloc((size_t) nsamples * 100 + 1);
	SampleType	type = {string_ref_literal("samples"), string_ref_literal("count")};
	bool		done = builder != NULL;

	for (uint32 row = 0; row < 2 * ROWS && done; row++)
	{
		Profile		profile;

		write_folded(text, row < ROWS ? first : second, nsamples);
		done = folded_read(string_ref(text, strlen(text)), type, &limits, &memory->allocator,
						   &profile, &error) &&
			stack_builder_add(builder, &profile, 1, &memory->allocator, &error);
	}
	done = done && stack_builder_finish(builder, NULL, NULL, parts, &error);
	for (int i = STACK_HEADS; i < STACK_PART_END && done; i++)
		ranges[i] = byte_range(parts[i].data, parts[i].length);
	if (done)
		block = stack_block_open(2 * ROWS, ranges, MAX_MEMORY, &memory->allocator, &error);
	if (block == NULL)
	{
		unit_note("%s", error.message);
		abort();
	}
	free(text);
	return block;
}

static StackSignatureSum
sum_rows(StackBlock *block, uint32 start, uint32 end)
{
	StackSignatureSum sum = {{0}};
	PyroError	error;

	for (uint32 row = start; row < end; row++)
	{
		StackSignature signature = {{0}};

		if (!stack_block_sign(block, row, &signature, &error))
			abort();
		stack_signature_add(&sum, &signature);
	}
	return sum;
}

static void
test_services(uint32 nsamples)
{
	UnitMemory	memory;
	double		least_same = 1,
				most_other = -1;

	unit_memory_init(&memory);
	for (uint32 i = 0; i < 20; i++)
	{
		StackBlock *block = make_block(2 * i, 2 * i + 1, nsamples, &memory);
		StackBlock *again = make_block(2 * i + 1, 1000 + i, nsamples, &memory);
		StackSignatureSum first = sum_rows(block, 0, ROWS);
		StackSignatureSum second = sum_rows(block, ROWS, 2 * ROWS);
		StackSignatureSum few = sum_rows(block, 0, 4);
		StackSignatureSum elsewhere = sum_rows(again, 0, ROWS);

		least_same = Min(least_same, stack_signature_likeness(&first, &few));
		least_same = Min(least_same, stack_signature_likeness(&second, &elsewhere));
		most_other = Max(most_other, stack_signature_likeness(&first, &second));
		most_other = Max(most_other, stack_signature_likeness(&first, &elsewhere));
	}
	unit_ok(least_same > 0.6, "rows of one service are alike: at least %.2f with %u samples",
			least_same, nsamples);
	unit_ok(most_other < 0.6, "those of others are not: at most %.2f", most_other);
	unit_memory_free(&memory);
}

static void
test_edges(void)
{
	UnitMemory	memory;
	StackBlock *block;
	StackSignatureSum none = {{0}};
	StackSignatureSum some;
	StackSignature full = {{0}};
	PyroError	error;
	int64		most = 0;

	unit_memory_init(&memory);
	block = make_block(1, 2, 100, &memory);
	some = sum_rows(block, 0, 1);
	unit_ok(stack_signature_likeness(&none, &some) == 1 &&
			stack_signature_likeness(&none, &none) == 1, "no samples are like any");
	unit_ok(fabs(stack_signature_likeness(&some, &some) - 1) < 1e-9, "a row is like itself");
	for (int i = 0; i < 20000; i++)
		if (!stack_block_sign(block, 0, &full, &error))
			abort();
	for (int i = 0; i < STACK_SIGNATURE_COUNTS; i++)
		most = Max(most, abs(full.counts[i]));
	unit_ok(most >= PG_INT16_MAX, "counts stop where they would not fit");
	block = make_block(1, 2, 0, &memory);
	some = sum_rows(block, 0, 2 * ROWS);
	unit_ok(memcmp(&some, &none, sizeof(none)) == 0, "empty profiles add nothing");
	unit_memory_free(&memory);
}

int
main(void)
{
	random_state = unit_random_seed(42);
	test_services(100);
	test_services(1000);
	test_edges();
	return unit_finish();
}
