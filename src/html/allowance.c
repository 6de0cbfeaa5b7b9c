#include "html/allowance.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Before what cmark gets. */
struct block {
	struct block *next, **link;	/* link: what points to this one */
	size_t n;
	max_align_t bytes[];
};

static struct {
	jmp_buf over;
	size_t left;
	struct block *blocks;
} allowed;

static struct block *
block_of(void *p)
{
	return (struct block *)((char *)p - offsetof(struct block, bytes));
}

static void *
take(size_t count, size_t size)
{
	struct block *block;
	size_t n;

	if (__builtin_mul_overflow(count, size, &n) || n > SIZE_MAX - sizeof(*block) || n + sizeof(*block) > allowed.left)
		longjmp(allowed.over, 1);
	block = xcalloc(1, n + sizeof(*block));
	block->n = n;
	block->next = allowed.blocks;
	block->link = &allowed.blocks;
	if (block->next != NULL)
		block->next->link = &block->next;
	allowed.blocks = block;
	allowed.left -= n + sizeof(*block);
	return block->bytes;
}

static void
give_back(void *p)
{
	struct block *block;

	if (p == NULL)
		return;
	block = block_of(p);
	*block->link = block->next;
	if (block->next != NULL)
		block->next->link = block->link;
	allowed.left += block->n + sizeof(*block);
	free(block);
}

static void *
take_again(void *p, size_t n)
{
	void *other = take(1, n);

	if (p != NULL)
		memcpy(other, p, block_of(p)->n < n ? block_of(p)->n : n);
	give_back(p);
	return other;
}

jmp_buf *
allowance_over(void)
{
	return &allowed.over;
}

void
allowance_set(size_t most)
{
	allowed.left = most;
}

cmark_mem *
allowance_mem(void)
{
	static cmark_mem mem = {take, take_again, give_back};

	return &mem;
}

void
allowance_release(void)
{
	struct block *next;

	for (struct block *block = allowed.blocks; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	allowed.blocks = NULL;
}
