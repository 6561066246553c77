BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO "alembic_version" VALUES('0003');
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
INSERT INTO "attempts" VALUES('68fb31b4-0',1,'host-1',1.79606425280728459353e+09,1.796064252840323925e+09,'done','');
INSERT INTO "attempts" VALUES('68fb31b4-1',1,'host-1',1.79606425284927940372e+09,1.79606425287274312969e+09,'done','');
INSERT INTO "attempts" VALUES('68fb31b4-2',1,'host-1',1.79606425286672878268e+09,1.79606425288379573817e+09,'failed','Traceback (most recent call last):
  File "/home/ada/study/bowl.py", line 5, in train
    raise ValueError("no good: é")
ValueError: no good: é');
INSERT INTO "attempts" VALUES('68fb31b4-3',1,'host-1',1796064252.89488,1.79606425290944075583e+09,'done','');
INSERT INTO "attempts" VALUES('68fb31b4-4',1,'host-1',1.79606425290667057041e+09,1.79606425296107959747e+09,'done','');
INSERT INTO "attempts" VALUES('68fb31b4-5',1,'host-1',1.79606425294258856772e+09,1.79606425298150348662e+09,'done','');
INSERT INTO "attempts" VALUES('68fb31b4-6',1,'host-1',1.79606425298876643177e+09,1.79606425303270173074e+09,'done','');
INSERT INTO "attempts" VALUES('68fb31b4-7',1,'host-1',1.79606425301650786396e+09,1.79606425305726909637e+09,'done','');
INSERT INTO "attempts" VALUES('098b5621-0',1,'host-1',1.79606426904103064537e+09,1.79606426918277859686e+09,'done','');
INSERT INTO "attempts" VALUES('098b5621-1',1,'host-1',1.79606426924281978611e+09,1.79606426939305615425e+09,'done','');
INSERT INTO "attempts" VALUES('098b5621-2',1,'host-1',1.796064269276422739e+09,NULL,NULL,'');
INSERT INTO "attempts" VALUES('098b5621-3',1,'host-1',1.79606426942999148361e+09,NULL,NULL,'');
CREATE TABLE priors (
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	params JSON NOT NULL, 
	value FLOAT NOT NULL, 
	CONSTRAINT pk_priors PRIMARY KEY (study_id, number), 
	CONSTRAINT fk_priors_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "priors" VALUES('098b5621',0,'by hand','{"x": 0.5, "layers": 3, "solver": "adam"}',0.25);
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
INSERT INTO "rounds" VALUES('68fb31b4',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.79606425273010563846e+09,'deb2bfe3ec2e4389be6c4137bfc8aa6f');
INSERT INTO "rounds" VALUES('098b5621',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.7960642689523806572e+09,NULL);
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
	rebuilt INTEGER NOT NULL, 
	CONSTRAINT pk_studies PRIMARY KEY (id)
);
INSERT INTO "studies" VALUES('68fb31b4','bowl','297274ab9c2c3342d5e33f1088e87ca3dc35c2c0ac19d5be40a68237834e82e3','done','','name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 8}
','study.yaml','/home/ada/study',NULL,'ada',1.79606425273010563846e+09,1.79606425306352353093e+09,'[]','1','2949492c410543878cd005bb088193f9',1,1,NULL,NULL,'[]',0);
INSERT INTO "studies" VALUES('098b5621','second','5626a0f7828a195c6c83a6f2bd49874236c62d66c858077d910c8e6ce1a7648a','paused','','name: second
metric: {name: loss, goal: minimize}
trainer: {function: "slow:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 6}
','second.yaml','/home/ada/study',NULL,'ada',1.7960642689523806572e+09,NULL,'null',NULL,NULL,0,1,NULL,NULL,'[]',0);
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
INSERT INTO "trials" VALUES('68fb31b4-0','68fb31b4',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.03417503382203825046e-02,'{}',3,'d635a4b211294ea2beb2df976befef92','host-1','5580921ec9f6442da9b359bee9fdae4c',1,1.79606425276156115534e+09,1.79606425280728459353e+09,1.796064252840323925e+09,1.54781680000724009005e-02,'','','ba94f5928bc74307af23861d02dd4e73',1,'search',NULL,0.0,'[[0, 0.010341750338220383], [2, 2.0103417503382204]]');
INSERT INTO "trials" VALUES('68fb31b4-1','68fb31b4',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,1.34232524127883975581e-05,'{}',3,'b82c9be473624f43836c35cf6730af9a','host-1','5580921ec9f6442da9b359bee9fdae4c',0,1.79606425283229231837e+09,1.79606425284927940372e+09,1.79606425287274312969e+09,1.3717526999926121789e-02,'','','6c54fe53951244e58b5d6a0d47db1b15',1,'search',NULL,0.0,'[[0, 1.3423252412788398e-05], [2, 2.0000134232524127]]');
INSERT INTO "trials" VALUES('68fb31b4-2','68fb31b4',2,0,'failed',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',3,'2dbf2f4541864482a80f0aa6c7e2b095','host-1','5580921ec9f6442da9b359bee9fdae4c',1,1.79606425285332894328e+09,1.79606425286672878268e+09,1.79606425288379573817e+09,9.12927300009869213681e-03,'Traceback (most recent call last):
  File "/home/ada/study/bowl.py", line 5, in train
    raise ValueError("no good: é")
ValueError: no good: é','','200e46abf2f0434892f6a21f7968dcbf',1,'search',NULL,0.0,'[[0, 0.0006635345628618576], [2, 2.000663534562862]]');
INSERT INTO "trials" VALUES('68fb31b4-3','68fb31b4',3,0,'done',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,2.11357077728921316506e-01,'{}',3,'a623aa77f43542eb89ebe0989b64149f','host-1','5580921ec9f6442da9b359bee9fdae4c',1,1.79606425286969351769e+09,1796064252.89488,1.79606425290944075583e+09,7.59865500003797933459e-03,'','','0315edd624fd4ae3acc5126aaea8f689',1,'search',NULL,0.0,'[[0, 0.21135707772892132], [2, 2.2113570777289215]]');
INSERT INTO "trials" VALUES('68fb31b4-4','68fb31b4',4,0,'done',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,8.09245234077812930495e-02,'{}',3,'58f7c7bb9a3449d29f6fb5bdd4e5b269','host-1','5580921ec9f6442da9b359bee9fdae4c',0,1.79606425289710211748e+09,1.79606425290667057041e+09,1.79606425296107959747e+09,4.23991249999744468368e-02,'','','8b683dfb121843ee95996010fd417581',1,'search',NULL,0.0,'[[0, 0.08092452340778129], [2, 2.080924523407781]]');
INSERT INTO "trials" VALUES('68fb31b4-5','68fb31b4',5,0,'done',1,0,0,'{"x": 0.0074123390394087, "layers": 6, "solver": "sgd"}',1711670227,5.49427700351422888596e-05,'{}',3,'337db868f8da417b83867834d89e6cd1','host-1','5580921ec9f6442da9b359bee9fdae4c',1,1.79606425291668939589e+09,1.79606425294258856772e+09,1.79606425298150348662e+09,3.28867499999887513695e-02,'','','c7cb057b07fa450e8811bdba9a9df271',1,'search',NULL,0.0,'[[0, 5.494277003514229e-05], [2, 2.000054942770035]]');
INSERT INTO "trials" VALUES('68fb31b4-6','68fb31b4',6,0,'done',1,0,0,'{"x": 0.0010631564607863722, "layers": 4, "solver": "adam"}',1405952615,1.13030166011180484471e-06,'{}',3,'c88da77d54544e6292d1b98b6ead49ef','host-1','5580921ec9f6442da9b359bee9fdae4c',0,1.79606425295709180834e+09,1.79606425298876643177e+09,1.79606425303270173074e+09,3.05322530000466940691e-02,'','','767012c0d9fd4fceb8a2af00bd326efe',1,'search',NULL,0.0,'[[0, 1.1303016601118048e-06], [2, 2.0000011303016603]]');
INSERT INTO "trials" VALUES('68fb31b4-7','68fb31b4',7,0,'done',1,0,0,'{"x": 0.06218810614719876, "layers": 7, "solver": "sgd"}',368560125,0.00386736054617526,'{}',3,'d8e605c663f04374b65c68e543e2a512','host-1','5580921ec9f6442da9b359bee9fdae4c',1,1.79606425299556708339e+09,1.79606425301650786396e+09,1.79606425305726909637e+09,2.18992079999225097708e-02,'','','d8d0e9cd682e4b638c6362369e285356',1,'search',NULL,0.0,'[[0, 0.00386736054617526], [2, 2.003867360546175]]');
INSERT INTO "trials" VALUES('098b5621-0','098b5621',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.0169439678871389221e-01,'{}',1,'3e627b842df84ad0aea3412c88b6a4c4','host-1','91afc6d041fc423b9660efd80d6bcc11',1,1.79606426898998403551e+09,1.79606426904103064537e+09,1.79606426918277859686e+09,1.26617399999986446346e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]');
INSERT INTO "trials" VALUES('098b5621-1','098b5621',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,3.66377570448688872142e-03,'{}',1,'9bc0825ce6504316b441bc79d03d1d59','host-1','91afc6d041fc423b9660efd80d6bcc11',0,1.79606426920296216014e+09,1.79606426924281978611e+09,1.79606426939305615425e+09,1.34890668000025470973e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]');
INSERT INTO "trials" VALUES('098b5621-2','098b5621',2,0,'running',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',0,'bd93640343944d0db0754bf3d4f5125d','host-1','91afc6d041fc423b9660efd80d6bcc11',1,1.79606426925689363475e+09,1.796064269276422739e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]');
INSERT INTO "trials" VALUES('098b5621-3','098b5621',3,0,'running',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,NULL,'{}',0,'22cc0dbb7ec348cc9bf6651b1be82f33','host-1','91afc6d041fc423b9660efd80d6bcc11',0,1.79606426928539323804e+09,1.79606426942999148361e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]');
INSERT INTO "trials" VALUES('098b5621-4','098b5621',4,0,'dispatched',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,NULL,'{}',0,NULL,NULL,NULL,NULL,1.79606426943763732907e+09,NULL,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]');
CREATE INDEX ix_studies_state ON studies (state);
CREATE INDEX ix_studies_fingerprint ON studies (fingerprint);
CREATE INDEX ix_trials_state ON trials (state);
COMMIT;
