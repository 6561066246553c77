BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE attempts (
	trial_id VARCHAR(96) NOT NULL, 
	attempt INTEGER NOT NULL, 
	host VARCHAR(128), 
	started FLOAT NOT NULL, 
	ended FLOAT, 
	outcome VARCHAR(16), 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_attempts PRIMARY KEY (trial_id, attempt), 
	CONSTRAINT fk_attempts_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id)
);
INSERT INTO "attempts" VALUES('cacf1dac-0',1,'host-1',1.79606422321070194241e+09,1.79606422327666687965e+09,'done','');
INSERT INTO "attempts" VALUES('cacf1dac-1',1,'host-1',1.79606422324685597417e+09,1.79606422328805804254e+09,'done','');
INSERT INTO "attempts" VALUES('cacf1dac-2',1,'host-1',1.79606422331632375717e+09,1.79606422344440269473e+09,'stopped','stopped early at step 0 of about 2, rung 1 of 1');
INSERT INTO "attempts" VALUES('cacf1dac-3',1,'host-1',1.79606422336007928849e+09,1.79606422342524933819e+09,'done','');
INSERT INTO "attempts" VALUES('cacf1dac-4',1,'host-1',1.79606422342823338509e+09,1.79606422351451539996e+09,'done','');
INSERT INTO "attempts" VALUES('cacf1dac-5',1,'host-1',1.79606422346411681179e+09,1.79606422352469420437e+09,'done','');
INSERT INTO "attempts" VALUES('cacf1dac-6',1,'host-1',1.79606422353104066853e+09,1.796064223628196001e+09,'done','');
INSERT INTO "attempts" VALUES('cacf1dac-7',1,'host-1',1.79606422354704689981e+09,1.79606422361261415477e+09,'done','');
INSERT INTO "attempts" VALUES('ed776921-0',1,'host-1',1.79606424409831690785e+09,1.79606424426307511327e+09,'done','');
INSERT INTO "attempts" VALUES('ed776921-1',1,'host-1',1.79606424412584948541e+09,1.79606424428533673282e+09,'done','');
INSERT INTO "attempts" VALUES('ed776921-2',1,'host-1',1.79606424428968262669e+09,NULL,NULL,'');
INSERT INTO "attempts" VALUES('ed776921-3',1,'host-1',1.79606424430206251148e+09,NULL,NULL,'');
CREATE TABLE priors (
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	params JSON NOT NULL, 
	value FLOAT NOT NULL, 
	CONSTRAINT pk_priors PRIMARY KEY (study_id, number), 
	CONSTRAINT fk_priors_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "priors" VALUES('ed776921',0,'by hand','{"x": 0.5, "layers": 3, "solver": "adam"}',0.25);
CREATE TABLE rounds (
	study_id VARCHAR(64) NOT NULL, 
	"index" INTEGER NOT NULL, 
	data JSON NOT NULL, 
	computed_from JSON NOT NULL, 
	created FLOAT NOT NULL, 
	run_id VARCHAR(64), 
	CONSTRAINT pk_rounds PRIMARY KEY (study_id, "index"), 
	CONSTRAINT fk_rounds_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "rounds" VALUES('cacf1dac',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.79606422311810708051e+09,'42ce8b5e8f564657a7b6e7204232f41b');
INSERT INTO "rounds" VALUES('ed776921',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.79606424402779269212e+09,NULL);
CREATE TABLE studies (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	source TEXT NOT NULL, 
	filename VARCHAR(255) NOT NULL, 
	folder TEXT, 
	code_version VARCHAR(255), 
	user VARCHAR(255), 
	created FLOAT NOT NULL, 
	ended FLOAT, 
	importance JSON, 
	experiment_id VARCHAR(64), 
	run_id VARCHAR(64), 
	closed BOOLEAN NOT NULL, 
	primed BOOLEAN NOT NULL, 
	branched_from VARCHAR(64), 
	branched_round INTEGER, 
	notes JSON NOT NULL, 
	CONSTRAINT pk_studies PRIMARY KEY (id)
);
INSERT INTO "studies" VALUES('cacf1dac','bowl','297274ab9c2c3342d5e33f1088e87ca3dc35c2c0ac19d5be40a68237834e82e3','done','','name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 8}
','study.yaml','/home/ada/study',NULL,'ada',1.79606422311810708051e+09,1.79606422363351798054e+09,'[{"name": "x", "share": 0.5455248861581713, "tier": null, "verdict": "measured first of three"}, {"name": "solver", "share": 0.44908786417933366, "tier": null, "verdict": "measured second of three"}, {"name": "layers", "share": 0.005387249662494975, "tier": 3, "verdict": "declared tier 3, measured third of three"}]','1','2946e549e91c4e99927df85704bb01a3',1,1,NULL,NULL,'[]');
INSERT INTO "studies" VALUES('ed776921','second','5626a0f7828a195c6c83a6f2bd49874236c62d66c858077d910c8e6ce1a7648a','paused','','name: second
metric: {name: loss, goal: minimize}
trainer: {function: "slow:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 6}
','second.yaml','/home/ada/study',NULL,'ada',1.79606424402779269212e+09,NULL,'null',NULL,NULL,0,1,NULL,NULL,'[]');
CREATE TABLE trials (
	id VARCHAR(96) NOT NULL, 
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	crashes INTEGER NOT NULL, 
	lost INTEGER NOT NULL, 
	params JSON NOT NULL, 
	seed INTEGER NOT NULL, 
	value FLOAT, 
	metrics JSON NOT NULL, 
	steps INTEGER NOT NULL, 
	nonce VARCHAR(64), 
	host VARCHAR(128), 
	incarnation VARCHAR(64), 
	slot INTEGER, 
	created FLOAT NOT NULL, 
	started FLOAT, 
	ended FLOAT, 
	seconds FLOAT, 
	error TEXT NOT NULL, 
	output TEXT NOT NULL, 
	run_id VARCHAR(64), 
	shipped BOOLEAN NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	repeats INTEGER, 
	violation FLOAT NOT NULL, 
	curve JSON NOT NULL, 
	CONSTRAINT pk_trials PRIMARY KEY (id), 
	CONSTRAINT uq_trials_study_id_number UNIQUE (study_id, number), 
	CONSTRAINT fk_trials_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "trials" VALUES('cacf1dac-0','cacf1dac',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.03417503382203825046e-02,'{}',3,'af0c6b396cbe48f5ae582c638776ab13','host-1','568f05cc39004b80886579d1cb772bf8',1,1.79606422315412497521e+09,1.79606422321070194241e+09,1.79606422327666687965e+09,2.19412090000332682393e-02,'','','c11d14bdc9cd4dac940b6ba7c088a44a',1,'search',NULL,0.0,'[[0, 0.010341750338220383], [2, 2.0103417503382204]]');
INSERT INTO "trials" VALUES('cacf1dac-1','cacf1dac',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,1.34232524127883975581e-05,'{}',3,'7af6f71a311944a29cd22fec24df5930','host-1','568f05cc39004b80886579d1cb772bf8',0,1.79606422321959519386e+09,1.79606422324685597417e+09,1.79606422328805804254e+09,1.68559020000884629553e-02,'','','12d544e3d1f04ee79aa47f13400ff1e8',1,'search',NULL,0.0,'[[0, 1.3423252412788398e-05], [2, 2.0000134232524127]]');
INSERT INTO "trials" VALUES('cacf1dac-2','cacf1dac',2,0,'stopped',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,2.00066353456286183387e+00,'{}',3,'9856daa5a29d4bef8d115e7a3aa56dff','host-1','568f05cc39004b80886579d1cb772bf8',0,1.79606422324938273422e+09,1.79606422331632375717e+09,1.79606422344440269473e+09,6.52745810000396886607e-02,'stopped early at step 0 of about 2, rung 1 of 1','','529b79dc0d5a44a7b1f8f018f436b658',1,'search',NULL,0.0,'[[0, 0.0006635345628618576], [2, 2.000663534562862]]');
INSERT INTO "trials" VALUES('cacf1dac-3','cacf1dac',3,0,'done',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,2.11357077728921316506e-01,'{}',3,'4244bce397c94b3196969b12e8d2c9a6','host-1','568f05cc39004b80886579d1cb772bf8',1,1.79606422332657766341e+09,1.79606422336007928849e+09,1.79606422342524933819e+09,3.86464110001725202891e-02,'','','f6b08caef7f647aca19f20bc8985c0fa',1,'search',NULL,0.0,'[[0, 0.21135707772892132], [2, 2.2113570777289215]]');
INSERT INTO "trials" VALUES('cacf1dac-4','cacf1dac',4,0,'done',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,8.09245234077812930495e-02,'{}',3,'3710a44abcab43309682a7b9a15d27f8','host-1','568f05cc39004b80886579d1cb772bf8',1,1.79606422336351895328e+09,1.79606422342823338509e+09,1.79606422351451539996e+09,5.94418999999106745235e-02,'','','39f6de1104db44ec80455eafa829e569',1,'search',NULL,0.0,'[[0, 0.08092452340778129], [2, 2.080924523407781]]');
INSERT INTO "trials" VALUES('cacf1dac-5','cacf1dac',5,0,'done',1,0,0,'{"x": 0.0074123390394087, "layers": 6, "solver": "sgd"}',1711670227,5.49427700351422888596e-05,'{}',3,'934738debac248439839732da152c094','host-1','568f05cc39004b80886579d1cb772bf8',0,1.79606422343590807913e+09,1.79606422346411681179e+09,1.79606422352469420437e+09,4.22838209999554237583e-02,'','','23294306acba42d5a81a7ffd043f1325',1,'search',NULL,0.0,'[[0, 5.494277003514229e-05], [2, 2.000054942770035]]');
INSERT INTO "trials" VALUES('cacf1dac-6','cacf1dac',6,0,'done',1,0,0,'{"x": 0.0010631564607863722, "layers": 4, "solver": "adam"}',1405952615,1.13030166011180484471e-06,'{}',3,'c2154f29a2364603a4b139dc83a32b68','host-1','568f05cc39004b80886579d1cb772bf8',1,1.79606422347326231004e+09,1.79606422353104066853e+09,1.796064223628196001e+09,5.10879309999836550559e-02,'','','d1d1904a6b3b45bba1e2b65f9b569980',1,'search',NULL,0.0,'[[0, 1.1303016601118048e-06], [2, 2.0000011303016603]]');
INSERT INTO "trials" VALUES('cacf1dac-7','cacf1dac',7,0,'done',1,0,0,'{"x": 0.06218810614719876, "layers": 7, "solver": "sgd"}',368560125,0.00386736054617526,'{}',3,'54a28945a751403c8ae571bc96670075','host-1','568f05cc39004b80886579d1cb772bf8',0,1.79606422353305745119e+09,1.79606422354704689981e+09,1.79606422361261415477e+09,4.098540600011801871e-02,'','','b63ed222252d4db0a9556ed660b54e67',1,'search',NULL,0.0,'[[0, 0.00386736054617526], [2, 2.003867360546175]]');
INSERT INTO "trials" VALUES('ed776921-0','ed776921',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.0169439678871389221e-01,'{}',1,'b113a3d642b6487186be9211a44c87d9','host-1','b4f1c417767542c49a5a9223348d273f',1,1.79606424405478715894e+09,1.79606424409831690785e+09,1.79606424426307511327e+09,1.39739989999952740618e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]');
INSERT INTO "trials" VALUES('ed776921-1','ed776921',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,3.66377570448688872142e-03,'{}',1,'258a42bf579949c6b23c00b0c666114f','host-1','b4f1c417767542c49a5a9223348d273f',0,1.79606424410578203194e+09,1.79606424412584948541e+09,1.79606424428533673282e+09,1.2525653400007286109e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]');
INSERT INTO "trials" VALUES('ed776921-2','ed776921',2,0,'running',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',0,'d576dfdcf36f42be803c8b85baf80ad6','host-1','b4f1c417767542c49a5a9223348d273f',1,1.79606424412735557558e+09,1.79606424428968262669e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]');
INSERT INTO "trials" VALUES('ed776921-3','ed776921',3,0,'running',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,NULL,'{}',0,'f30a7d60952146bd8894125f3c47da57','host-1','b4f1c417767542c49a5a9223348d273f',0,1796064244.29437,1.79606424430206251148e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]');
INSERT INTO "trials" VALUES('ed776921-4','ed776921',4,0,'dispatched',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,NULL,'{}',0,NULL,NULL,NULL,NULL,1.79606424430382704735e+09,NULL,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]');
CREATE INDEX ix_studies_fingerprint ON studies (fingerprint);
CREATE INDEX ix_studies_state ON studies (state);
CREATE INDEX ix_trials_state ON trials (state);
COMMIT;
