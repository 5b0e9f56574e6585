/*
 * test_compression.c
 *	  gzip and zstd in and out, whole, damaged and hostile.
 */
#include "postgres_fe.h"

#include <libdeflate.h>
#include <zstd.h>

#include "profile/compression.h"

#include "pprof_build.h"

#define NO_CAP	((size_t) 1 << 32)

static UnitMemory memory;
static PyroError error;

static ByteRange
range_of(const Bytes *bytes)
{
	return (ByteRange)
	{
		bytes->data, bytes->size
	};
}

/* One gzip member of these bytes. */
static void
put_gzip(Bytes *to, const void *data, size_t size)
{
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
	size_t		capacity = libdeflate_gzip_compress_bound(compressor, size);
	void	   *member = malloc(capacity);

	put_raw(to, member, libdeflate_gzip_compress(compressor, data, size,
												 member, capacity));
	free(member);
	libdeflate_free_compressor(compressor);
}

/* One zstd frame of these bytes, with or without its size in it. */
static void
put_zstd(Bytes *to, const void *data, size_t size, bool with_size)
{
	ZSTD_CCtx  *compressor = ZSTD_createCCtx();
	size_t		capacity = ZSTD_compressBound(size);
	void	   *frame = malloc(capacity);
	ZSTD_outBuffer output = {frame, capacity, 0};
	ZSTD_inBuffer input = {data, size, 0};

	ZSTD_CCtx_setParameter(compressor, ZSTD_c_contentSizeFlag, with_size);
	if (with_size)
		ZSTD_CCtx_setPledgedSrcSize(compressor, size);
	/* two calls, so that the size is not known from the first */
	input.size = size / 2;
	ZSTD_compressStream2(compressor, &output, &input, ZSTD_e_continue);
	input.size = size;
	ZSTD_compressStream2(compressor, &output, &input, ZSTD_e_end);
	put_raw(to, frame, output.pos);
	free(frame);
	ZSTD_freeCCtx(compressor);
}

/* Uncompress with a cap; NULL when it fails, which `error` explains. */
static const uint8 *
uncompress(const Bytes *bytes, size_t max_size, size_t *size)
{
	ByteRange	plain;

	memset(&error, 0, sizeof(error));
	if (!decompress_any(range_of(bytes), max_size, &memory.allocator, &plain,
						&error))
		return NULL;
	*size = plain.size;
	return plain.bytes;
}

static bool
gives(const Bytes *bytes, size_t max_size, const void *data, size_t size)
{
	size_t		plain_size;
	const uint8 *plain = uncompress(bytes, max_size, &plain_size);
	bool		right = plain != NULL && plain_size == size &&
	memcmp(plain, data, size) == 0;

	if (plain == NULL)
		unit_note("%s", error.message);
	unit_memory_free(&memory);
	return right;
}

static bool
fails(const Bytes *bytes, size_t max_size, PyroErrorKind kind)
{
	size_t		size;
	bool		right = uncompress(bytes, max_size, &size) == NULL &&
	error.kind == kind;

	if (!right)
		unit_note("kind %d: %s", error.kind, error.message);
	unit_memory_free(&memory);
	return right;
}

/* Bytes that compress to about a third. */
static uint8 *
make_bytes(size_t size)
{
	uint8	   *bytes = malloc(size + 1);
	UnitRandom	random = unit_random_seed(size);

	for (size_t i = 0; i < size; i++)
		bytes[i] = 'a' + unit_below(&random, 6);
	return bytes;
}

/* Sizes around those at which buffers grow. */
static void
test_sizes(void)
{
	static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 1000,
		65535, 65536, 131071, 131072, 131073, 262143, 262144, 262145, 300000,
	524288, 1048576};

	for (size_t i = 0; i < lengthof(sizes); i++)
	{
		size_t		size = sizes[i];
		uint8	   *data = make_bytes(size);
		Bytes		gzip = {0};
		Bytes		zstd = {0};
		Bytes		sized = {0};

		put_gzip(&gzip, data, size);
		put_zstd(&zstd, data, size, false);
		put_zstd(&sized, data, size, true);
		unit_ok(gives(&gzip, NO_CAP, data, size), "gzip of %zu bytes", size);
		unit_ok(gives(&zstd, NO_CAP, data, size),
				"zstd of %zu bytes without its size", size);
		unit_ok(gives(&sized, NO_CAP, data, size),
				"zstd of %zu bytes with its size", size);
		if (size >= 1000)
			unit_ok(gives(&gzip, size, data, size) &&
					gives(&zstd, size, data, size) &&
					fails(&gzip, size - 1, PYRO_LIMIT) &&
					fails(&zstd, size - 1, PYRO_LIMIT),
					"a cap of %zu bytes allows so many and no more", size);
		free(data);
		bytes_free(&gzip);
		bytes_free(&zstd);
		bytes_free(&sized);
	}
}

static void
test_plain(void)
{
	Bytes		bytes = {0};

	put_raw(&bytes, "\x1F", 1);
	unit_ok(gives(&bytes, 100, "\x1F", 1), "one byte of a gzip head is plain");
	unit_ok(fails(&bytes, 0, PYRO_LIMIT), "plain bytes are capped");
	bytes_free(&bytes);
	put_raw(&bytes, "\x28\xB5\x2F", 3);
	unit_ok(gives(&bytes, 100, "\x28\xB5\x2F", 3),
			"three bytes of a zstd head are plain");
	bytes.size = 0;
	unit_ok(gives(&bytes, 100, "", 0), "no bytes are plain");
	bytes_free(&bytes);
}

static void
test_several_parts(void)
{
	Bytes		bytes = {0};
	Bytes		expected = {0};

	for (int i = 0; i < 500; i++)
	{
		uint8	   *part = make_bytes(i);

		put_gzip(&bytes, part, i);
		put_raw(&expected, part, i);
		free(part);
	}
	unit_ok(gives(&bytes, NO_CAP, expected.data, expected.size),
			"500 gzip members");
	unit_ok(fails(&bytes, expected.size - 1, PYRO_LIMIT),
			"they are capped together");
	put_raw(&bytes, "\x1F\x8B", 2);
	unit_ok(fails(&bytes, NO_CAP, PYRO_MALFORMED), "a member that is cut off");
	bytes.size -= 2;
	put_byte(&bytes, 0);
	unit_ok(fails(&bytes, NO_CAP, PYRO_MALFORMED), "a byte behind them");
	bytes_free(&bytes);
	bytes_free(&expected);

	for (int i = 0; i < 50; i++)
	{
		uint8	   *part = make_bytes(i * 5000);

		put_zstd(&bytes, part, i * 5000, i % 2 == 0);
		put_raw(&expected, part, i * 5000);
		free(part);
	}
	unit_ok(gives(&bytes, NO_CAP, expected.data, expected.size),
			"50 zstd frames");
	put_raw(&bytes, "\x28\xB5\x2F", 3);
	unit_ok(fails(&bytes, NO_CAP, PYRO_MALFORMED), "a frame that is cut off");
	bytes.size -= 3;
	put_raw(&bytes, "abcdefgh", 8);
	unit_ok(fails(&bytes, NO_CAP, PYRO_MALFORMED), "bytes behind them");
	bytes_free(&bytes);
	bytes_free(&expected);
}

/* Every cut and every changed byte of a small file. */
static void
test_damage(void)
{
	uint8	   *data = make_bytes(300);
	Bytes		forms[2] = {{0}, {0}};
	uint32		nodd = 0;

	put_gzip(&forms[0], data, 300);
	put_zstd(&forms[1], data, 300, true);
	for (int form = 0; form < 2; form++)
	{
		size_t		whole = forms[form].size;
		uint8	   *copy = malloc(whole);

		for (size_t cut = 4; cut < whole; cut++)
		{
			Bytes		part = {malloc(cut), cut, cut};

			memcpy(part.data, forms[form].data, cut);
			nodd += !fails(&part, NO_CAP, PYRO_MALFORMED);
			bytes_free(&part);
		}
		memcpy(copy, forms[form].data, whole);
		for (size_t i = 4; i < whole; i++)
			for (int bit = 0; bit < 8; bit++)
			{
				size_t		size;

				/* it may still be sound, but must not crash or pass the cap */
				forms[form].data[i] ^= 1 << bit;
				if (uncompress(&forms[form], 1000, &size) != NULL)
					nodd += size > 1000;
				else
					nodd += error.kind != PYRO_MALFORMED && error.kind != PYRO_LIMIT;
				unit_memory_free(&memory);
				forms[form].data[i] = copy[i];
			}
		free(copy);
		bytes_free(&forms[form]);
	}
	unit_ok(nodd == 0, "cut and changed files are refused");
	free(data);
}

static void
test_bombs(void)
{
	size_t		size = (size_t) 200 << 20;
	size_t		cap = (size_t) 8 << 20;
	uint8	   *zeros = calloc(size, 1);
	Bytes		gzip = {0};
	Bytes		zstd = {0};
	size_t		unused;
	double		started = unit_seconds();
	uint32		lie = 16;

	put_gzip(&gzip, zeros, size);
	put_zstd(&zstd, zeros, size, false);
	free(zeros);
	unit_ok(uncompress(&gzip, cap, &unused) == NULL &&
			error.kind == PYRO_LIMIT && memory.peak_bytes <= 4 * cap,
			"a gzip bomb stops at the cap");
	unit_memory_free(&memory);
	memcpy(gzip.data + gzip.size - 4, &lie, 4);
	unit_ok(uncompress(&gzip, cap, &unused) == NULL &&
			error.kind == PYRO_LIMIT && memory.peak_bytes <= 4 * cap,
			"and one that lies about its size");
	unit_memory_free(&memory);
	unit_ok(uncompress(&zstd, cap, &unused) == NULL &&
			error.kind == PYRO_LIMIT && memory.peak_bytes <= 4 * cap,
			"a zstd bomb stops at the cap");
	unit_memory_free(&memory);
	bytes_free(&gzip);
	bytes_free(&zstd);

	/* small members without content, as many as fit */
	for (int i = 0; i < 300000; i++)
		put_raw(&gzip, "\x1F\x8B\x08\0\0\0\0\0\0\xFF\x03\0\0\0\0\0\0\0\0\0", 20);
	unit_ok(gives(&gzip, NO_CAP, "", 0), "300,000 empty gzip members");
	unit_ok(unit_seconds() - started < 30, "all that in time");
	bytes_free(&gzip);

	/* the stated size of a small file must not cost memory */
	put_gzip(&gzip, "abc", 3);
	lie = 0xFFFFFFFF;
	memcpy(gzip.data + gzip.size - 4, &lie, 4);
	unit_ok(uncompress(&gzip, (size_t) 1 << 30, &unused) == NULL &&
			memory.peak_bytes < 1 << 20,
			"a size of 4 GB stated in 23 bytes costs little");
	unit_memory_free(&memory);
	bytes_free(&gzip);
}

static void
test_compress(void)
{
	size_t		size = 100000;
	uint8	   *data = make_bytes(size);
	ByteRange	plain = {data, size};
	ByteRange	gzip;
	Bytes		bytes = {0};
	uint8	   *zstd = malloc(size);
	uint8	   *again = malloc(size);
	size_t		zstd_size;

	unit_ok(compress_gzip(plain, &memory.allocator, &gzip, &error),
			"gzip compresses");
	put_raw(&bytes, gzip.bytes, gzip.size);
	unit_ok(gives(&bytes, NO_CAP, data, size), "and that uncompresses");
	bytes_free(&bytes);
	plain.size = 0;
	unit_ok(compress_gzip(plain, &memory.allocator, &gzip, &error) &&
			gzip.size > 0, "gzip compresses no bytes");
	plain.size = size;
	zstd_size = compress_zstd(plain, zstd, size);
	unit_ok(zstd_size > 0 && zstd_size < size, "zstd compresses");
	unit_ok(compress_zstd(plain, again, zstd_size - 1) == 0,
			"but not into less room than it needs");
	unit_ok(decompress_zstd((ByteRange)
							{
							 zstd, zstd_size
							 }, again, size, &error) &&
			memcmp(again, data, size) == 0, "and that uncompresses");
	unit_ok(!decompress_zstd((ByteRange)
							 {
							  zstd, zstd_size
							  }, again, size - 1, &error) &&
			error.kind == PYRO_CORRUPT, "a size one too small is damage");
	unit_ok(!decompress_zstd((ByteRange)
							 {
							  zstd, zstd_size - 1
							  }, again, size, &error) &&
			error.kind == PYRO_CORRUPT, "so is a frame that is cut off");
	zstd_size = compress_zstd_level(plain, zstd, size, 19);
	unit_ok(zstd_size > 0 &&
			compress_zstd_level(plain, again, size, 1000) > 0 &&
			compress_zstd_level(plain, again, size, -5) > 0,
			"zstd compresses at levels that there are and are not");
	unit_ok(zstd_frame_size(byte_range(zstd, zstd_size)) == zstd_size &&
			zstd_frame_size(byte_range(zstd, size)) == zstd_size,
			"a frame knows its size, whatever follows");
	unit_ok(zstd_frame_size(byte_range(zstd, zstd_size - 1)) == 0 &&
			zstd_frame_size(byte_range(zstd, 0)) == 0 &&
			zstd_frame_size(byte_range(data, size)) == 0,
			"which a part of it has not, nor anything else");
	unit_ok(zstd_bound(size) >= size, "the bound is no smaller than the data");
	free(data);
	free(zstd);
	free(again);
	unit_memory_free(&memory);
}

int
main(void)
{
	unit_memory_init(&memory);
	test_sizes();
	test_plain();
	test_several_parts();
	test_damage();
	test_bombs();
	test_compress();
	return unit_finish();
}
