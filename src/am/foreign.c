/*
 * foreign.c
 *	  Index files that pgvector has written.
 *
 * Its meta page is block 0, as ours, and its magic number lies where our room
 * begins.
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "am/foreign.h"
#include "am/methods.h"
#include "pages/page.h"

#define META_BLOCK 0

/* Indexes of this database that this session was warned of */
static HTAB *warned;

static bool
has_magic(Relation index, uint32 magic)
{
	Buffer buffer = ReadBuffer(index, META_BLOCK);
	Page page = BufferGetPage(buffer);
	uint32 found = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (!PageIsNew(page))
		memcpy(&found, page_room(page), sizeof(found));
	UnlockReleaseBuffer(buffer);
	return found == magic;
}

/* What is in the cache was made of a file of ours, and no file becomes foreign */
bool
foreign_index(Relation index)
{
	const ScanMethod *method = methods_find(index);

	return method != NULL && index->rd_amcache == NULL &&
		RelationGetNumberOfBlocks(index) > META_BLOCK &&
		has_magic(index, method->foreign_magic);
}

static bool
is_first_time(Oid index)
{
	bool found;

	if (warned == NULL)
	{
		HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(Oid)};

		warned = hash_create("vector_ext foreign indexes", 16, &control,
							 HASH_ELEM | HASH_BLOBS);
	}
	(void) hash_search(warned, &index, HASH_ENTER, &found);
	return !found;
}

bool
foreign_index_warned(Relation index)
{
	if (!foreign_index(index))
		return false;
	if (is_first_time(RelationGetRelid(index)))
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" was built by pgvector and is not used",
						RelationGetRelationName(index)),
				 errhint("Run %s.", foreign_command(index))));
	return true;
}

void
foreign_refuse(Relation index)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("index \"%s\" was built by pgvector",
					RelationGetRelationName(index)),
			 errhint("Run %s.", foreign_command(index))));
}

char *
foreign_command(Relation index)
{
	return psprintf("REINDEX INDEX CONCURRENTLY %s",
					quote_qualified_identifier(
						get_namespace_name(RelationGetNamespace(index)),
						RelationGetRelationName(index)));
}
