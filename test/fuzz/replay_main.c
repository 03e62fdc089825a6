/*
 * replay_main.c
 *	  Feeds files to a fuzz target: the corpus as an ordinary test.
 *
 * Each input lies at the end of an allocation of its size, so that valgrind or
 * ASan sees a read beyond it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		FILE *file = fopen(argv[i], "rb");
		uint8_t *data;
		long size;

		if (file == NULL || fseek(file, 0, SEEK_END) != 0 ||
			(size = ftell(file)) < 0)
		{
			perror(argv[i]);
			return 1;
		}
		rewind(file);
		data = malloc((size_t) size + 1);
		if (data == NULL ||
			fread(data, 1, (size_t) size, file) != (size_t) size)
		{
			perror(argv[i]);
			return 1;
		}
		fclose(file);
		LLVMFuzzerTestOneInput(data, (size_t) size);
		free(data);
	}
	return argc > 1 ? 0 : 1; /* an empty corpus tests nothing */
}
