BEGIN TRANSACTION;
CREATE TABLE deliveries (
  job INTEGER NOT NULL REFERENCES jobs (id), position INTEGER NOT NULL, path TEXT NOT NULL, run TEXT NOT NULL,
  replaces INTEGER NOT NULL, etag TEXT, bytes INTEGER, sha256 TEXT, mtime_ns INTEGER, media_type TEXT,
  width INTEGER, height INTEGER, done_at REAL, PRIMARY KEY (job, position, path));
INSERT INTO "deliveries" VALUES(2,0,'/data/completed-2x.png','eaad2c7091774d01ab90b15dd3eebdcf',0,NULL,5,'0000000000000000000000000000000000000000000000000000000000000000',1,'image/png',10,10,1795618704.3753);
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, gateway TEXT NOT NULL, endpoint TEXT, source TEXT,
  name TEXT NOT NULL, params TEXT NOT NULL, output TEXT, price INTEGER, profile TEXT NOT NULL, run TEXT,
  state TEXT NOT NULL, status TEXT, request_id TEXT, media_url TEXT, media_type TEXT, error TEXT, extra TEXT,
  submitted_at REAL, completed_at REAL);
INSERT INTO "jobs" VALUES(1,'1a8b09ca46598e3f7513b63a891e2399','https://gateway.pixazo.ai','7b-image','https://example.com/running.png','running.png','{"upscale_factor": 2}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','running','PROCESSING','r-running',NULL,NULL,NULL,'{}',1795618704.36257,NULL);
INSERT INTO "jobs" VALUES(2,'a2e9224910298f95083572934f40d9a9','https://gateway.pixazo.ai','7b-image','https://example.com/completed.png','completed.png','{"upscale_factor": 2}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','completed','COMPLETED','r-completed','["https://cdn.example.com/completed.png"]','image/png',NULL,'{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(3,'f6db28da3b332299deecba373e07a2f4','https://gateway.pixazo.ai','7b-image','https://example.com/undelivered.png','undelivered.png','{"upscale_factor": 2}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','completed','COMPLETED','r-undelivered','["https://cdn.example.com/undelivered.png"]','image/png',NULL,'{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(4,'c9468f829cec823fdea403dca8706d9b','https://gateway.pixazo.ai','7b-image','https://example.com/failed.png','failed.png','{}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','failed','FAILED','r-failed',NULL,NULL,'out of memory','{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(5,'9f1dc3ba2d687a394677b0159a465a4c','https://gateway.pixazo.ai','7b-image','https://example.com/error.png','error.png','{}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','error','ERROR','r-error',NULL,NULL,'no picture','{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(6,'4779d3be3877c3c03d6835c15ab4a08c','https://gateway.pixazo.ai','7b-image','https://example.com/unknown.png','unknown.png','{}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','unknown',NULL,NULL,NULL,NULL,'the answer was lost',NULL,1.79561870438929510121e+09,NULL);
INSERT INTO "jobs" VALUES(7,'0965eb21759198123a4837faa4f33627','https://gateway.pixazo.ai','7b-image','https://example.com/forgotten.png','forgotten.png','{}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','forgotten',NULL,NULL,NULL,NULL,'the answer was lost',NULL,1795618704.39255,NULL);
INSERT INTO "jobs" VALUES(8,'ba6af5df9b765539afb0fbee3aa61f9d','https://gateway.pixazo.ai','7b-image','https://EXAMPLE.com:443/Spelled%2fname.png#top','Spelled_name.png','{}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','completed','COMPLETED','r-spelled','["https://cdn.example.com/spelled.png"]','image/png',NULL,'{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(9,'aefa9dab7d659bd22b02f656215db943','https://gateway.pixazo.ai','7b-image','https://bucket.s3.amazonaws.com/signed.png?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A&X-Amz-Date=20261120T100000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=abc','signed.png','{}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','completed','COMPLETED','r-signed','["https://cdn.example.com/signed.png"]','image/png',NULL,'{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(10,'13359866af647694f16f84b7cc769377','https://gateway.pixazo.ai','7b-image','https://straße.example/a.png','a.png','{}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','completed','COMPLETED','r-idna','["https://cdn.example.com/idna.png"]','image/png',NULL,'{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(11,'922f4e7eebc0eeb578cdb6dc6f79a58e','https://gateway.pixazo.ai','7b-image','https://example.com/named.png','named.png','{"job_id": "mine-1"}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','completed','COMPLETED','r-named-1','["https://cdn.example.com/named.png"]','image/png',NULL,'{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(12,'45bf3c3477e4e6819b89072b2ddca18b','https://gateway.pixazo.ai','7b-image','https://example.com/named.png','named.png','{"job_id": "mine-2"}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','error','ERROR','r-named-2',NULL,NULL,'no picture','{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(13,'62b6ea6666e1c1bff30a79d04eac4221','https://gateway.pixazo.ai','3b-image','https://example.com/synced.png','synced.png','{"sync_mode": true, "target_resolution": "1080p", "upscale_mode": "target"}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','completed','COMPLETED','r-synced','["https://cdn.example.com/synced.png"]','image/png',NULL,'{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(14,'a840eeb284ff5f689c52649b56559ea9','https://gateway.pixazo.ai','3b-video','https://example.com/clip.mp4','clip.mp4','{"target_resolution": "1080p", "upscale_mode": "target"}',NULL,680000,'default','eaad2c7091774d01ab90b15dd3eebdcf','running','QUEUED','r-clip',NULL,NULL,NULL,'{}',1.79561870442044806475e+09,NULL);
INSERT INTO "jobs" VALUES(15,'52a52ef09f579fef37867ed848034912','sandbox','7b-image','photo.png','photo.png','{"job_id": "local"}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','completed','COMPLETED','r-local','["http://127.0.0.1:1/media/r-local/output.png"]','image/png',NULL,'{}',1795168800.0,1795168804.0);
INSERT INTO "jobs" VALUES(16,'request:r-stranger','https://gateway.pixazo.ai',NULL,NULL,'r-stranger','{}',NULL,NULL,'default',NULL,'running','PROCESSING','r-stranger',NULL,NULL,NULL,'{}',1.79561870442930603024e+09,NULL);
INSERT INTO "jobs" VALUES(17,'0bdabb026a7c20e634cb57d2a09c34fd','https://gateway.pixazo.ai','7b-image','https://example.com/reserved.png','reserved.png','{}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','reserved',NULL,NULL,NULL,NULL,NULL,NULL,1.79561870443116807938e+09,NULL);
INSERT INTO "jobs" VALUES(18,'6d91a0bcf18175bf1130bee60d536d6c','https://gateway.pixazo.ai','7b-image','https://example.com/submitting.png','submitting.png','{}',NULL,1000,'default','eaad2c7091774d01ab90b15dd3eebdcf','submitting',NULL,NULL,NULL,NULL,NULL,NULL,1.79561870443449091909e+09,NULL);
CREATE INDEX jobs_by_key ON jobs (key, id);
CREATE INDEX jobs_by_request ON jobs (request_id);
CREATE INDEX jobs_by_time ON jobs (submitted_at);
CREATE INDEX deliveries_by_path ON deliveries (path);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',18);
COMMIT;
PRAGMA user_version = 1;
