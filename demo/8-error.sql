-- An error on a shard comes back as if it had happened here, with the shard's name and everything the shard said of it.
-- This zone is there already:

select add_zone('Asia/Tokyo', 'JST', '9 hours', false);
